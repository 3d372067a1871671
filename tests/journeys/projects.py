"""Small projects for journeys, as files of an sdist, and a person who consents to them."""

from typing import Any

from tests.journeys.deployment import Deployment

TARGET = "cp313-manylinux_2_36_x86_64"
BACKEND = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'

PURE = {
    "pyproject.toml": BACKEND,
    "setup.py": "from setuptools import setup\n"
    "setup(name='cheddar', version='1.0', py_modules=['cheddar'])\n",
    "cheddar.py": "AGE = 24\n",
}
EXTENSION = {
    "pyproject.toml": BACKEND,
    "setup.py": "from setuptools import Extension, setup\n"
    "setup(name='gouda', version='1.0', ext_modules=[Extension('gouda', ['gouda.c'])])\n",
    "gouda.c": """
#include <Python.h>
static PyObject *age(PyObject *self, PyObject *args) { return PyLong_FromLong(18); }
static PyMethodDef methods[] = {{"age", age, METH_NOARGS, ""}, {NULL}};
static struct PyModuleDef gouda = {PyModuleDef_HEAD_INIT, "gouda", "", -1, methods};
PyMODINIT_FUNC PyInit_gouda(void) { return PyModule_Create(&gouda); }
""",
}
SLOW = {
    "pyproject.toml": BACKEND,
    "setup.py": "import time\n"
    "for second in range(600):\n"
    "    print('ripening', second, flush=True)\n"
    "    time.sleep(1)\n"
    "from setuptools import setup\n"
    "setup(name='parmesan', version='1.0')\n",
}


def consent(deployment: Deployment, project: str) -> dict[str, Any]:
    """Prove and consent to everything for a project, as its maintainer's client would."""
    proof = deployment.post(
        f"projects/{project}/proofs/",
        {"method": "attestation", "facts": {"reason": "a journey's own project"}},
    )
    assert proof["state"] == "proven"
    agreements = deployment.get("agreements/")["results"]
    accepted = [
        {
            "name": agreement["name"],
            "sha256": agreement["sha256"],
            "clauses": [clause["id"] for clause in agreement["clauses"]],
        }
        for agreement in agreements
    ]
    given: dict[str, Any] = deployment.post(
        f"projects/{project}/consents/",
        {
            "capacity": "owner",
            "accepted": accepted,
            "channels": ["build", "publish"],
            "licence_expression": "MIT",
            "licence_seen_in": "the journey",
        },
    )
    return given


def ask(deployment: Deployment, project: str, *targets: str) -> dict[str, Any]:
    answer: dict[str, Any] = deployment.post(
        "requests/",
        {"project": project, "specifiers": "==1.0", "targets": list(targets or (TARGET,))},
    )
    return answer


def builds_of(deployment: Deployment, request: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deployment.get(f"requests/{request['id']}/")["builds"]
    return found


def all_ended(builds: list[dict[str, Any]]) -> bool:
    return bool(builds) and all(build["ended_at"] for build in builds)
