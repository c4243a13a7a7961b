# Measures the best designs again: test split, more draws, three corners.
rule confirm:
    input:
        space="spaces/{space}.yaml",
        weights=weights_of,
        trials="results/{space}/trials.parquet",
    output:
        confirmed="results/{space}/confirmed.parquet",
        table="results/{space}/confirmed.csv",
        parts="results/{space}/parts.parquet",
        layers="results/{space}/layers.parquet",
        errors="results/{space}/errors.parquet",
        mappings="results/{space}/mappings.parquet",
        provenance="results/{space}/provenance.json",
    log:
        "results/logs/confirm/{space}.log",
    benchmark:
        "results/benchmarks/confirm/{space}.tsv"
    threads: workflow.cores
    params:
        out="results/{space}",
        question=digest_of,
        code=SEARCH_CODE,
    shell:
        # A Ray cluster brings its own CPUs.
        'workers=$([ -n "${{RAY_ADDRESS:-}}" ] || echo "--workers {threads}"); '
        "joulescape confirm {input.space} --out {params.out} $workers 2>&1 | tee {log}"
