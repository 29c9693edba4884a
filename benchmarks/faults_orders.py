"""What a run asks of the service, and a client that asks until it is answered.

Each order carries an idempotency key and is repeated after every error that allows it, so it must
end up as one row whatever was lost on the way.
"""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks import faults_scripts as scripts

PATIENCE_SECONDS = 120.0
AGAIN_SECONDS = 0.25
COME_AGAIN = (429, 503, 507)
CLIENTS = 4
DATASET = "table"
ROWS = "".join(f"{i},{(i * 7) % 13},{'ab'[i % 2]},{i * 2.5}\n" for i in range(80))
CSV = f"id,x,group,y\n{ROWS}".encode()
REAL = {
    "baselines": {"sgd": False, "trees": False},
    "corrections": [],
    "architecture": {"n_motifs": 8},
}


@dataclass(frozen=True)
class Order:
    """One thing to ask for. ``script`` is None for a job that does its real work."""

    key: str
    kind: str
    seed: int
    script: str | None = "steady"
    repeated: bool = False

    @property
    def filename(self) -> str:
        """The name of an upload's file, which chooses its script."""
        return f"{scripts.PREFIX if self.script else ''}{self.key}.csv"

    def body(self) -> dict[str, Any]:
        """The body for ``POST /v1/jobs``."""
        labels = {"script": self.script} if self.script else {}
        body = {"kind": self.kind, "dataset": DATASET, "seed": self.seed, "labels": labels}
        if self.kind == "train":
            body |= {"target": "y", "outputs": {"register_as": f"net-{self.seed}"}}
        if self.kind == "train" and not self.script:
            body |= REAL
        return {**body, "name": self.key}


def draw(rng: random.Random, n_jobs: int, n_real: int) -> list[Order]:
    """A run's orders: scripted analyses, trainings and uploads, a few real jobs, one poison.

    One order in ten is sent twice though it was answered.
    """
    kinds = rng.choices(("analyze", "train", "ingest"), (6, 2, 2), k=n_jobs)
    scripted = [
        Order(f"order-{i:06d}", kind, seed=i, repeated=rng.random() < 0.1)
        for i, kind in enumerate(kinds)
    ]
    places = rng.sample(range(n_jobs), n_real + 1)
    for place in places[1:]:
        kind = "train" if place % 2 or place == places[1] else "ingest"
        scripted[place] = Order(f"order-{place:06d}", kind, seed=place, script=None)
    place = places[0]
    scripted[place] = Order(f"order-{place:06d}", "analyze", seed=place, script="poison")
    return scripted


@dataclass(frozen=True)
class Answer:
    """What the service said in the end: the job's or the dataset version's id."""

    order: Order
    id: str


class Client:
    """Calls the service, and keeps what it was told."""

    def __init__(self, url: str, key: str) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=10.0, trust_env=False)
        self._lock = threading.Lock()
        self.answers: list[Answer] = []
        self.complaints: list[str] = []
        self.statuses: dict[int, int] = {}

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def prepare(self) -> None:
        """Upload the table that all jobs name, and wait until it can be used."""
        self._until_answered(lambda: self._put(DATASET, "table.csv", "prepare-table"))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._get(f"/v1/datasets/{DATASET}")["status"] != "ready":
            if time.monotonic() > deadline:
                raise TimeoutError("the first upload was not parsed")
            time.sleep(AGAIN_SECONDS)

    def place(self, order: Order) -> None:
        """Ask until the service accepts; a second time too, if the order says so."""
        ids = [self._place(order)["id"] for _ in range(1 + order.repeated)]
        if len({*ids}) > 1:
            self._complain(f"{order.key}: two answers to one key")
        with self._lock:
            self.answers.append(Answer(order, ids[0]))

    def cancel(self, job_id: str) -> None:
        """Ask once for a job's end; whether that arrives is chance, like everything here."""
        try:
            self._note(self._http.post(f"/v1/jobs/{job_id}/cancel"))
        except httpx.HTTPError:
            self._count(0)

    def submit(self, order: Order) -> str:
        """Ask once, on a service that is well; returns the job's id."""
        return str(self._create(order).raise_for_status().json()["id"])

    def _place(self, order: Order) -> dict[str, Any]:
        if order.kind == "ingest":
            return self._until_answered(lambda: self._put(order.key, order.filename, order.key))
        return self._until_answered(lambda: self._create(order))

    def _create(self, order: Order) -> httpx.Response:
        headers = {"Idempotency-Key": order.key}
        return self._http.post("/v1/jobs", json=order.body(), headers=headers)

    def _put(self, name: str, filename: str, key: str) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        params = {"filename": filename}
        path = f"/v1/datasets/{name}/content"
        return self._http.put(path, content=CSV, params=params, headers=headers)

    def _get(self, path: str) -> dict[str, Any]:
        return self._until_answered(lambda: self._http.get(path))

    def _until_answered(self, ask: Callable[[], httpx.Response]) -> dict[str, Any]:
        """The first answer that is one."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = ask()
            except httpx.HTTPError:
                self._count(0)
            else:
                self._note(answer)
                if answer.is_success:
                    found: dict[str, Any] = answer.json()
                    return found
            time.sleep(AGAIN_SECONDS)
        raise TimeoutError(f"no answer in {PATIENCE_SECONDS:g} s")

    def _note(self, answer: httpx.Response) -> None:
        """Count an answer; only success and "come again" are fine."""
        self._count(answer.status_code)
        come_again = answer.status_code in COME_AGAIN and "retry-after" in answer.headers
        if not answer.is_success and not come_again:
            request = answer.request
            self._complain(f"{request.method} {request.url.path}: {answer.text[:300]}")

    def _count(self, status: int) -> None:
        """Count an answer by its status; 0 is none at all."""
        with self._lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def _complain(self, text: str) -> None:
        with self._lock:
            self.complaints.append(text)


def place_all(client: Client, orders: Sequence[Order], seconds: float) -> list[threading.Thread]:
    """Start to place orders, evenly over so many seconds, from a few threads."""
    began = time.monotonic()

    def work(mine: Sequence[tuple[int, Order]]) -> None:
        for number, order in mine:
            due = began + seconds * number / len(orders)
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                client.place(order)
            except TimeoutError as error:
                client.complaints.append(f"{order.key}: {error}")

    numbered = list(enumerate(orders))
    threads = [
        threading.Thread(target=work, args=(numbered[first::CLIENTS],), daemon=True)
        for first in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    return threads
