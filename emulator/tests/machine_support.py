"""What the tests of whole machines share."""
import functools
import importlib.util
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def _import_spinnemu():
    """The package, from the folder above where it is not installed."""
    try:
        import spinnemu
    except ImportError:
        folder = HERE.parent
        spec = importlib.util.spec_from_file_location(
            "spinnemu", folder / "__init__.py", submodule_search_locations=[str(folder)])
        spinnemu = importlib.util.module_from_spec(spec)
        sys.modules["spinnemu"] = spinnemu
        spec.loader.exec_module(spinnemu)
    return spinnemu


spinnemu = _import_spinnemu()


@functools.lru_cache(maxsize=None)
def program(name: str) -> bytes:
    """Machine code of a program in ``programs/``."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        zig = [sys.executable, "-m", "ziglang"]
        subprocess.run([*zig, "cc", "-target", "arm-freestanding-eabi", "-mcpu=arm968e_s+dsp", "-c",
                        str(HERE / "programs" / f"{name}.S"), "-o", str(out / "o")], check=True)
        subprocess.run([*zig, "objcopy", "-O", "binary", str(out / "o"), str(out / "bin")], check=True)
        return (out / "bin").read_bytes()
