"""Facts first, drawing second: tables -> one offline HTML page and its JSON."""
