# Tables -> pages. The report's own code is an input: changing a template draws again and measures nothing.
from importlib.resources import files

REPORT = Path(str(files("joulescape"))) / "report"
REPORT_CODE = sorted(
    str(path)
    for path in REPORT.rglob("*")
    if path.suffix in {".py", ".j2", ".css", ".js", ".txt"}
)


def metrics_of(wildcards):
    """Metrics of the reference weights that a question starts from."""
    return expand(
        "results/networks/{network}.json", network=SPACES[wildcards.space].networks
    )


# A miss is shown in the report; it does not stop it. Only a table that was not written does.
rule published:
    input:
        sorted(str(path) for path in Path("hwlib").rglob("*") if path.is_file()),
    output:
        "results/published.parquet",
    log:
        "results/logs/published.log",
    params:
        code=CODE,
    shell:
        "joulescape validate --format parquet --out {output} > {log} 2>&1 || test -s {output}"


rule report:
    input:
        code=REPORT_CODE,
        metrics=metrics_of,
        resolved="results/{space}/resolved.json",
        trials="results/{space}/trials.parquet",
        front="results/{space}/front.parquet",
        history="results/{space}/history.parquet",
        confirmed="results/{space}/confirmed.parquet",
        parts="results/{space}/parts.parquet",
        layers="results/{space}/layers.parquet",
        published="results/published.parquet",
        references="hwlib/references.bib",
    output:
        page="results/{space}/report.html",
        summary="results/{space}/report.json",
    log:
        "results/logs/report/{space}.log",
    params:
        folder="results/{space}",
    shell:
        "joulescape report {params.folder} --published {input.published} --references {input.references} "
        "--out {output.page} > {log} 2>&1"


rule index:
    input:
        code=REPORT_CODE,
        summaries=expand("results/{space}/report.json", space=SPACES),
    output:
        "results/index.html",
    log:
        "results/logs/index.log",
    params:
        folders=expand("results/{space}", space=SPACES),
    shell:
        "joulescape report --index {params.folders} --out {output} > {log} 2>&1"
