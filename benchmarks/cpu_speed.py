"""How fast the emulated ARM core is: kernels of a fully connected layer on many cores.

Cores run round robin in short slices, as the emulated machine runs them.  The last columns are
the yardstick of the same run: the plain C kernel built for the host, over as many slices.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent / "cpu_speed"
EMULATOR = HERE.parent.parent / "emulator" / "src"
CPU_SOURCES = ["cpu.c", "interpret.c", "code_cache.c", "fuse.c", "decode_arm.c", "decode_thumb.c", "decode_timing.c",
               "exceptions.c", "cp15.c"]
KERNELS = ["forward asm", "backward asm", "gradient asm", "forward C", "backward C", "gradient C", "forward8 asm"]
CROSS = [sys.executable, "-m", "ziglang"]


def build_image(folder):
    """The program of the emulated core, as bytes from address 0."""
    elf, image = folder / "program.elf", folder / "program.bin"
    subprocess.run([*CROSS, "cc", "-target", "arm-freestanding-eabi", "-mcpu=arm968e_s+dsp", "-O2", "-ffreestanding",
                    "-fno-sanitize=all", "-fno-stack-protector", "-fomit-frame-pointer", "-nostartfiles",
                    "-T", str(HERE / "link.ld"), "-o", str(elf), *(str(HERE / name) for name in
                    ("start.S", "program.c", "kernels.c", "kernels.S"))], check=True)
    subprocess.run([*CROSS, "objcopy", "-O", "binary", "--only-section=.text", str(elf), str(image)], check=True)
    return image


def build_driver(folder, flags):
    driver = folder / "driver"
    subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu11", "-O2", *flags, "-pthread", "-I", str(EMULATOR), "-o", str(driver),
                    str(HERE / "driver.c"), str(HERE / "kernels.c"), *(str(EMULATOR / name) for name in CPU_SOURCES)],
                   check=True)
    return driver


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", type=int, nargs="*", default=[32, 768])
    parser.add_argument("--slice", type=int, nargs="*", default=[50], help="cycles per turn")
    parser.add_argument("--kernels", type=int, nargs="*", default=range(len(KERNELS)))
    parser.add_argument("--seconds", type=float, default=2, help="per measurement")
    parser.add_argument("--keep", type=pathlib.Path, help="build here and keep what is built")
    parser.add_argument("--flags", default="", help="more flags for the host's compiler")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        image, driver = build_image(folder), build_driver(folder, arguments.flags.split())
        print(f"{'kernel':14}{'cores':>6}{'slice':>7}{'MIPS':>8}{'MMAC/s':>9}{'ins/MAC':>9}{'cyc/MAC':>9}{'host C MMAC/s':>15}")
        for slice_cycles in arguments.slice:
            for cores in arguments.cores:
                for kernel in arguments.kernels:
                    output = subprocess.run([str(driver), str(image), str(kernel), str(cores), str(slice_cycles),
                                             str(arguments.seconds)], check=True, capture_output=True, text=True).stdout
                    mips, macs, host, cycles, instructions = output.split()
                    print(f"{KERNELS[kernel]:14}{cores:6}{slice_cycles:7}{mips:>8}{macs:>9}{instructions:>9}{cycles:>9}{host:>15}",
                          flush=True)


if __name__ == "__main__":
    main()
