"""What a worker finds to compute on that is to have a device, whatever this machine has: PoCL's, and no other OpenCL driver's; or a GPU of NVIDIA's that is
played (cuda/README), where build/ has one.

A /dev is made for the process alone, since `auto` goes by what is there, and so do NVIDIA's libraries.
"""
import pathlib
import shutil

POCL = {"OCL_ICD_VENDORS": "/etc/OpenCL/vendors/pocl.icd"}


def dev(*nodes):
    """The prefix of a command that finds no devices but these; what ends with a slash is an empty folder."""
    makes = "".join(f"mkdir -p /dev/{node}; " if node.endswith("/") else f"mknod -m 666 /dev/{node} c 1 3; " for node in ("null", *nodes))
    return ("unshare", "--mount", "sh", "-ec", f'mount -t tmpfs none /dev; {makes}exec "$@"', "sh")


WITHOUT_GPU = dev()
WITH_GPU = dev("nvidia0", "nvidiactl", "nvidia-uvm")
WITH_RENDER_NODES = dev("dri/")  # none is in there: whoever looks for a GPU begins to hope


def played_gpu(build, folder):
    """Makes a folder with a worker, its drivers and NVIDIA's library, which is played. Return: (the worker, what it needs in its environment);
    None where this build has no driver for it."""
    build, folder = pathlib.Path(build), pathlib.Path(folder)
    library = build / "tests/support/cuda/libcuda.so.1"
    if not library.exists():
        return None
    folder.mkdir()
    for path in (library, *(build / "daemon/worker").glob("engine-*.so"), build / "daemon/worker/matchguard-worker"):
        shutil.copy(path, folder)
    return folder / "matchguard-worker", {"LD_LIBRARY_PATH": str(folder)}
