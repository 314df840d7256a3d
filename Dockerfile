# syntax=docker/dockerfile:1

# Both stages are of the same Debian release, so that the C library fits. Whoever builds for production pins both by digest, too:
#   docker build --build-arg RUST=rust:1.95-slim-trixie@sha256:… --build-arg DEBIAN=debian:trixie-slim@sha256:… .
ARG RUST=rust:1.95-slim-trixie
ARG DEBIAN=debian:trixie-slim

FROM ${RUST} AS build
WORKDIR /build
# The memory allocator is built with it.
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
COPY . .
# Dependencies and object files are kept between builds, outside of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin gatehouse \
    && cp target/release/gatehouse /gatehouse

FROM ${DEBIAN}
# No certificates of authorities are needed: the program carries them.
RUN useradd --system --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin gatehouse \
    && install -d -o gatehouse -g gatehouse -m 0700 /data
COPY --from=build --chmod=0755 /gatehouse /usr/local/bin/gatehouse
# By number, so that a platform can tell that it is not root.
USER 10001:10001
WORKDIR /data
# The only place that it writes: everything else may be read-only.
VOLUME /data
ENV DATABASE_URL=sqlite:///data/gatehouse.db \
    GATEHOUSE_LISTEN=0.0.0.0:8000
EXPOSE 8000
# Running requests get 20 seconds: whoever stops it waits for 30, and for GATEHOUSE_SHUTDOWN_DELAY.
STOPSIGNAL SIGTERM
# The first start of a version brings the schema up to date. Once it is healthy, failures count.
HEALTHCHECK --interval=30s --timeout=6s --start-period=900s --start-interval=1s --retries=3 \
    CMD ["gatehouse", "healthcheck"]
ENTRYPOINT ["gatehouse"]
CMD ["serve"]
