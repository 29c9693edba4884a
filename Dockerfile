# Two images from one recipe: "api" (no torch; also dispatcher and migrations) and "worker".
#   docker build --target api -t adaptnet-api . && docker build --target worker -t adaptnet-worker .
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY constraints.txt pyproject.toml README.md ./

FROM build AS build-api
COPY app app
COPY workers workers
COPY migrations migrations
RUN pip install -c constraints.txt '.[api]' celery redis

FROM build AS build-worker
# The largest layer first: it changes least.
RUN pip install -c constraints.txt torch==2.13.0
COPY app app
COPY workers workers
COPY migrations migrations
RUN pip install -c constraints.txt '.[worker]'

FROM python:${PYTHON} AS base
# The images need no installer of their own.
RUN rm -rf /usr/local/lib/python3.*/site-packages/* /usr/local/bin/pip* \
    && useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin adaptnet \
    && install --directory --owner=adaptnet --mode=700 /scratch
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /srv
COPY migrations /srv/migrations

FROM base AS api
COPY --from=build-api /opt/venv /opt/venv
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8000", "--no-server-header", "--no-access-log", "--timeout-graceful-shutdown", "5"]

FROM base AS worker
COPY --from=build-worker /opt/venv /opt/venv
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s --start-period=40s --retries=3 \
    CMD ["python", "-c", "import socket, psycopg; from app.settings import settings as s; \
c = psycopg.connect(s.database_url.replace('+psycopg', ''), connect_timeout=4); \
q = 'SELECT 1 FROM worker WHERE name LIKE %s AND seen_at > now() - make_interval(secs => 60)'; \
raise SystemExit(c.execute(q, (socket.gethostname() + '-%',)).fetchone() is None)"]
CMD ["celery", "-A", "workers.celery_app", "worker", "-Q", "cpu", "-P", "threads", "-c", "1", "--without-mingle", "--without-gossip"]
