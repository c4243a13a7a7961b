# The record of finished evaluations (results/.cache) is no output: Snakemake deletes outputs before a rerun.
rule search:
    input:
        space="spaces/{space}.yaml",
        weights=weights_of,
    output:
        resolved="results/{space}/resolved.json",
        trials="results/{space}/trials.parquet",
        front="results/{space}/front.parquet",
        history="results/{space}/history.parquet",
        audit="results/{space}/audit.parquet",
        constants="results/{space}/constants.parquet",
        tables=expand("results/{{space}}/{table}.csv", table=["trials", "front"]),
    log:
        "results/logs/search/{space}.log",
    benchmark:
        "results/benchmarks/search/{space}.tsv"
    threads: workflow.cores
    params:
        out="results/{space}",
        question=digest_of,
        code=SEARCH_CODE,
    shell:
        # A Ray cluster brings its own CPUs.
        'workers=$([ -n "${{RAY_ADDRESS:-}}" ] || echo "--workers {threads}"); '
        "joulescape search {input.space} --out {params.out} $workers 2>&1 | tee {log}"


# The search as an Optuna study: `optuna-dashboard results/<space>/study.log` opens it.
rule export:
    input:
        resolved="results/{space}/resolved.json",
        trials="results/{space}/trials.parquet",
    output:
        "results/{space}/study.log",
    log:
        "results/logs/export/{space}.log",
    params:
        folder="results/{space}",
        code=EXPORT_CODE,
    shell:
        "joulescape export {params.folder} --optuna {output} > {log} 2>&1"
