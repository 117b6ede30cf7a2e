"""Stands in for pyperf where machine instructions are counted: it calls each benchmark once and measures nothing."""
import argparse
import platform
import sys
import time

perf_counter = time.time


def python_implementation():
    return platform.python_implementation().lower()


def python_has_jit():
    return False


class Runner(object):
    def __init__(self, **options):
        self.argparser = argparse.ArgumentParser()
        self.metadata = {}
        self.args = None

    def parse_args(self):
        if self.args is None:
            self.args = self.argparser.parse_args()
        return self.args

    def bench_func(self, name, call, *arguments, **options):
        self.parse_args()
        call(*arguments)

    def bench_time_func(self, name, call, *arguments, **options):
        self.parse_args()
        call(1, *arguments)

    def bench_command(self, name, command):
        sys.exit('%s runs another process' % name)
