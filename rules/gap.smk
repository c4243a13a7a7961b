# Studies: what follows from several questions together. Their tables, after the questions' searches and confirms; then a page.
from joulescape.gap_tables import TABLES as GAP_TABLES
from joulescape.registry import builtin_names

GAP_CODE = f"{code_digest()} {code_of(*(f'joulescape.gap.{name}' for name in builtin_names('joulescape.gap')))}"


def questions_of(wildcards):
    """Names of the questions that a study puts together."""
    return [space.name for space in STUDIES[wildcards.study].spaces.values()]


def trends_of(wildcards):
    """Files of published points that a study draws."""
    return expand("hwlib/trends/{trend}.yaml", trend=STUDIES[wildcards.study].trends)


def study_digest_of(wildcards):
    """Digest of a study with everything that it names."""
    return STUDIES[wildcards.study].digest()


rule gap:
    input:
        study="spaces/{study}.yaml",
        trends=trends_of,
        trials=lambda wildcards: expand(
            "results/{space}/trials.parquet", space=questions_of(wildcards)
        ),
        confirmed=lambda wildcards: expand(
            "results/{space}/confirmed.parquet", space=questions_of(wildcards)
        ),
    output:
        study="results/{study}/study.json",
        tables=expand("results/{{study}}/{table}.parquet", table=GAP_TABLES),
        series=expand("results/{{study}}/{table}.csv", table=GAP_TABLES),
    log:
        "results/logs/gap/{study}.log",
    benchmark:
        "results/benchmarks/gap/{study}.tsv"
    threads: 2  # of the bridge's prices
    params:
        out="results/{study}",
        question=study_digest_of,
        code=GAP_CODE,
    shell:
        "joulescape gap {input.study} --out {params.out} 2>&1 | tee {log}"


STUDY_FILES = [
    "results/{study}/study.json",
    *expand("results/{{study}}/{table}.parquet", table=GAP_TABLES),
    *expand("results/{{study}}/{table}.csv", table=GAP_TABLES),
]


rule study_report:
    input:
        STUDY_FILES,
        references="hwlib/references.bib",
    output:
        page=report(
            "results/{study}/report.html",
            category="Studies",
            labels={"study": "{study}"},
        ),
        summary="results/{study}/report.json",
        words="results/{study}/report.md",
    log:
        "results/logs/study_report/{study}.log",
    params:
        folder="results/{study}",
        code=REPORT_CODE,
        lost=lambda wildcards: lost(
            f"results/{wildcards.study}/report.html",
            expand(
                [*STUDY_FILES, *WORDS], study=wildcards.study, name=wildcards.study
            ),
        ),
    shell:
        "joulescape report {params.folder} --references {input.references} --out {output.page} > {log} 2>&1"
