# Resolves every question before any work: torch-free, so a fault in a YAML shows within a second.
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from joulescape.accuracy.code import training_code
from joulescape.errors import JoulescapeError, SpecError
from joulescape.resolve.design_space import load_space
from joulescape.resolve.shelves import space_names, study_names
from joulescape.resolve.study import load_study
from joulescape.search.digests import code_digest, workflow_digest
from joulescape.source import code_of

# `joulescape` is the one beside the interpreter that runs this workflow, also when its environment is not activated.
os.environ["PATH"] = os.pathsep.join(
    [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
)


def resolved(load, names, faults):
    """Questions or studies of the shelf by name; their faults are added to `faults`."""
    found = {}
    for name in names:
        path = Path("spaces") / f"{name}.yaml"
        try:
            found[name] = load(path)
        except SpecError as error:
            faults.extend(map(str, error.faults))
        except JoulescapeError as error:  # a plug-in that does not load
            faults.append(f"{path}: {error}")
    return found


def resolved_spaces():
    faults, root = [], Path()
    spaces = resolved(load_space, space_names(root), faults)
    studies = resolved(lambda path: load_study(path, spaces), study_names(root), faults)
    faults = list(dict.fromkeys(faults))  # two questions may name one broken file
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''} found; nothing was run"
        raise WorkflowError("\n".join([*faults, count]))
    return spaces, studies


SPACES, STUDIES = resolved_spaces()
NETWORKS = sorted(path.stem for path in Path("models").glob("*.yaml"))
SEARCH_CODE = workflow_digest()
TRAINING_CODE = training_code()
EXPORT_CODE = code_of("joulescape.search.export")
VALIDATION_CODE = f"{code_digest()} {code_of('joulescape.validation')}"


def trained_networks(wildcards):
    """Networks whose reference weights a question needs: none where it is about costs alone."""
    space = SPACES[wildcards.space]
    return space.networks if space.spec.needs_accuracy else ()


def weights_of(wildcards):
    """Reference weights that a question starts from."""
    return expand("results/networks/{network}.npz", network=trained_networks(wildcards))


def digest_of(wildcards):
    """Digest of a question with everything that it names: networks, back ends, hosts, shared components."""
    return SPACES[wildcards.space].digest()


def lost(page, files):
    """Those of a page's files that are gone while the page is there.

    Snakemake takes them for no longer needed; a step with this among its parameters runs again, and they are made first.
    """
    is_drawn = Path(page).exists()
    return [file for file in files if is_drawn and not Path(file).exists()]


wildcard_constraints:
    space="|".join(map(re.escape, SPACES)) or "none",
    study="|".join(map(re.escape, STUDIES)) or "none",
