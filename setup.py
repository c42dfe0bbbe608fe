"""How mindgan is packaged. What it needs is in requirements.txt, its version in mindgan/__init__.py."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """The requirements listed in the file `name`, without its comments."""
    lines = (line.split("#")[0].strip() for line in (HERE / name).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def version() -> str:
    """`__version__` of the package, read and not imported: importing needs packages that are not there yet."""
    found = re.search(r'^__version__ = "([^"]+)"$', (HERE / "mindgan/__init__.py").read_text(encoding="utf-8"), re.M)
    if found is None:
        raise RuntimeError('mindgan/__init__.py has no line __version__ = "..."')
    return found[1]


ONNX = ["onnx==1.23.2", "onnxruntime==1.23.2"]

setup(
    name="mindgan",
    version=version(),
    description="Generative adversarial networks on MindSpore",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10,<3.13",
    # Said out loud, it makes an editable installation a plain path: the usual import hook loses against a folder named
    # mindgan in the current folder, and there is one where the project was cloned.
    package_dir={"": "."},
    packages=find_packages(include=["mindgan", "mindgan.*"]),
    package_data={"mindgan.data": ["digits/*.gz", "digits/*.txt"], "mindgan.render": ["*.html"]},
    install_requires=requirements("requirements.txt"),
    extras_require={
        "onnx": ONNX,
        "bench": requirements("scripts/bench/requirements.txt"),
        "dev": [
            *ONNX,
            "pytest==9.2.0",
            "pytest-xdist==3.8.0",
            "scipy>=1.11,<1.18",  # an independent matrix root in a test
            "hypothesis==6.168.5",
            "ruff==0.17.5",
            "mypy==2.4.1",
            "types-psutil>=7,<8",
            "jupytext==1.19.6",
            "nbclient==0.11.0",
            "ipykernel==7.3.0",
        ],
    },
    entry_points={"console_scripts": ["mindgan = mindgan.__main__:main"]},
)
