# Tables -> pages. A digest of the report's own code and templates is a parameter: changing one draws again, measures nothing.
import hashlib
from importlib.resources import files


def report_digest():
    """Digest of every file of the report: code, templates, style, scripts."""
    root = Path(str(files("joulescape"))) / "report"
    paths = sorted(
        path for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


REPORT_CODE = report_digest()


def metrics_of(wildcards):
    """Metrics of the reference weights that a question starts from."""
    return expand(
        "results/networks/{network}.json", network=trained_networks(wildcards)
    )


# A miss is shown in the report; it does not stop it (exit 1); anything else does.
rule published:
    input:
        sorted(str(path) for path in Path("hwlib").rglob("*") if path.is_file()),
    output:
        "results/published.parquet",
    log:
        "results/logs/published.log",
    params:
        code=VALIDATION_CODE,
    shell:
        "joulescape validate --format parquet --remember results/.cache/published.json --out {output} > {log} 2>&1 || test $? -eq 1"


# What search and confirm leave of a question: the page is drawn from it or links to it.
QUESTION_FILES = [
    *expand(
        "results/{{space}}/{table}.parquet",
        table=[
            *("trials", "front", "history", "audit", "constants"),
            *("confirmed", "parts", "layers", "errors", "mappings"),
        ],
    ),
    *expand("results/{{space}}/{table}.csv", table=["trials", "front", "confirmed"]),
    *expand("results/{{space}}/{name}.json", name=["resolved", "provenance"]),
]

WORDS = ["results/{name}/report.json", "results/{name}/report.md"]


rule report:
    input:
        QUESTION_FILES,
        metrics=metrics_of,
        published="results/published.parquet",
        references="hwlib/references.bib",
    output:
        page=report(
            "results/{space}/report.html",
            category="Questions",
            labels={"question": "{space}"},
        ),
        summary="results/{space}/report.json",
        words="results/{space}/report.md",
    log:
        "results/logs/report/{space}.log",
    params:
        folder="results/{space}",
        code=REPORT_CODE,
        lost=lambda wildcards: lost(
            f"results/{wildcards.space}/report.html",
            expand(
                [*QUESTION_FILES, *WORDS], space=wildcards.space, name=wildcards.space
            ),
        ),
    shell:
        "joulescape report {params.folder} --published {input.published} --references {input.references} "
        "--out {output.page} > {log} 2>&1"


rule index:
    input:
        summaries=expand("results/{name}/report.json", name=[*SPACES, *STUDIES]),
    output:
        "results/index.html",
    log:
        "results/logs/index.log",
    params:
        folders=expand("results/{name}", name=[*SPACES, *STUDIES]),
        code=REPORT_CODE,
    shell:
        "joulescape report --index {params.folders} --out {output} > {log} 2>&1"
