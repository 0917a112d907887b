# The daemon with the clients of Kafka, Triton, Redis and PostgreSQL; the models run in Triton, so there is no torch here.
# Built from the repository's root: docker build -f deploy/daemon.Dockerfile -t inspectd-daemon:0.1.0 .
FROM python:3.11.14-slim-bookworm

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

# openssl signs the gRPC server's certificate (the service `certificate` of docker-compose.yml)
RUN apt-get update && apt-get install -y --no-install-recommends openssl && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --home-dir /var/lib/inspectd inspectd \
 && install -d -o inspectd -g inspectd -m 0750 /var/lib/inspectd /etc/inspectd /etc/inspectd/tls

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY daemon ./daemon
COPY models ./models
RUN pip install -c constraints.txt '.[stack]' && rm -rf /src/*

COPY --chmod=0755 deploy/make-certificate /opt/inspectd/make-certificate

WORKDIR /var/lib/inspectd
USER inspectd
VOLUME ["/var/lib/inspectd"]
EXPOSE 50051 8080
ENTRYPOINT ["inspectd"]
CMD ["run"]
