"""Blobs in an S3-compatible bucket."""

from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.store import S3Store

from app.storage.blob import S3Options
from app.storage.bucket import Bucket

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config


def open_bucket(bucket: str, prefix: str, options: S3Options | None) -> Bucket:
    """Open one bucket. Without keys in ``options`` the usual AWS sources of credentials apply."""
    retry: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
    backend = S3Store(
        bucket,
        prefix=prefix or None,
        config=_config(options) if options else {},
        client_options=_client(options.s3_endpoint if options else None),
        retry_config=retry,
    )
    return Bucket(backend, f"s3://{bucket}/{prefix}".rstrip("/"))


def _config(options: S3Options) -> "S3Config":
    config: S3Config = {"region": options.s3_region}
    if options.s3_endpoint:
        config["endpoint"] = options.s3_endpoint
    if options.s3_access_key and options.s3_secret_key:
        config["access_key_id"] = options.s3_access_key
        config["secret_access_key"] = options.s3_secret_key
    return config


def _client(endpoint: str | None) -> "ClientConfig":
    """Time limits: the default of 30 s for a whole answer would cut long downloads short."""
    return {
        "connect_timeout": timedelta(seconds=5),
        "read_timeout": timedelta(seconds=30),
        "timeout": timedelta(hours=1),
        "allow_http": bool(endpoint and endpoint.startswith("http://")),
    }
