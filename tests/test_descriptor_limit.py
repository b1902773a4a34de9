"""The limit of open descriptors, where the hard limit promises more than the system gives, as on macOS."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from crossloop.installing.compiling import c_compiler

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not c_compiler(), reason="needs LD_PRELOAD and a C compiler"
)
MOST = 3000
LIKE_MACOS = f"""
#define _GNU_SOURCE
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* maxfilesperproc is {MOST}: the C library's call refuses more, whatever the hard limit is */
int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit) {{
    if (resource == RLIMIT_NOFILE && limit->rlim_cur > {MOST}) {{
        errno = EINVAL;
        return -1;
    }}
    return (int)syscall(SYS_prlimit64, 0, resource, limit, (void *)0);
}}
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) {{
    struct rlimit64 wide = {{limit->rlim_cur, limit->rlim_max}};
    return setrlimit64(resource, &wide);
}}
"""
ASK = """
import json, resource
from crossloop.load.errors import DescriptorsError
from crossloop.load.target import allow_descriptors
from crossloop.load.walls import walls
from crossloop.worker.process import raise_descriptor_limit

def soft():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
said = {"hard": hard}
allow_descriptors(1000)
said["for 1,000"] = soft()
try:
    allow_descriptors(4000)
except DescriptorsError as error:
    said["for 4,000"] = str(error)
said["as high as it gets"] = raise_descriptor_limit(), soft()
said["again"] = raise_descriptor_limit(100), soft()
said["most"] = [(wall.most, wall.why) for wall in walls() if "descriptors" in wall.why][0]
print(json.dumps(said))
"""


def test_the_highest_limit_that_the_system_takes_is_found(tmp_path: Path) -> None:
    (tmp_path / "like_macos.c").write_text(LIKE_MACOS)
    library = tmp_path / "like_macos.so"
    subprocess.run(
        [*c_compiler(), "-shared", "-fPIC", "-o", library, tmp_path / "like_macos.c"], check=True, timeout=60
    )
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env={"LD_PRELOAD": str(library), "PATH": "/usr/bin"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    if 0 <= said["hard"] <= MOST:
        pytest.skip(f"the hard limit is {said['hard']}")
    assert 1000 < said["for 1,000"] <= MOST
    assert f"this process may open {MOST} (hard limit {said['hard']})" in said["for 4,000"]
    assert said["as high as it gets"] == [MOST, MOST]
    assert said["again"] == [MOST, MOST], "never lowered"
    most, reason = said["most"]
    assert most == MOST - 64
    assert reason == "a process may hold 3,000 descriptors here (the system's own limit, below the hard one)"
