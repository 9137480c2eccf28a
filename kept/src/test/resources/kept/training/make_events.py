#!/usr/bin/env python3
"""Writes events.golden with TensorBoard's own classes: the records of a run that starts, goes back to an earlier step, and ends.

Made with tensorboard 2.21.0: python make_events.py
"""
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

SECONDS = 1_700_000_000.25


def scalars(step, **values):
    summary = Summary(value=[Summary.Value(tag=tag.replace("__", "/"), simple_value=value) for tag, value in values.items()])
    return Event(wall_time=SECONDS, step=step, summary=summary)


def start(step):
    return Event(wall_time=SECONDS, step=step, session_log=SessionLog(status=SessionLog.START))


events = [
    Event(wall_time=SECONDS, file_version="brain.Event:2"),
    start(0),
    scalars(0, held_out__kl=1.5, held_out__top1=0.25),
    scalars(1, train__loss=2.5, train__divergence=2.25, train__gradient_norm=0.0, train__learning_rate=3e-5),
    scalars(300, train__loss=1.125, train__gradient_norm=1e10, train__learning_rate=3e-6),
    start(2),
    scalars(1_000_000, held_out__kl=1e-9, held_out__top1=1.0),
]
with open(Path(__file__).with_name("events.golden"), "wb") as file:
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString())
