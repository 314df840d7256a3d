# syntax=docker/dockerfile:1

# Both stages are of the same Debian release, so that the C library fits.
FROM rust:1-slim-trixie AS build
WORKDIR /build
# The memory allocator is built with it.
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
COPY . .
# Dependencies and object files are kept between builds, outside of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin gatehouse \
    && cp target/release/gatehouse /gatehouse

FROM debian:trixie-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /data gatehouse \
    && install -d -o gatehouse -g gatehouse -m 0700 /data
COPY --from=build /gatehouse /usr/local/bin/gatehouse
USER gatehouse
WORKDIR /data
VOLUME /data
ENV DATABASE_URL=sqlite:///data/gatehouse.db \
    GATEHOUSE_LISTEN=0.0.0.0:8000
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=6s --start-period=10s --retries=3 \
    CMD ["gatehouse", "healthcheck"]
ENTRYPOINT ["gatehouse"]
CMD ["serve"]
