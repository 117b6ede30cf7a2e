"""Stands in for pyperf: it calls each benchmark once, or as often as BENCHMARK_LOOPS says, and measures nothing."""
import argparse
import os
import platform
import sys
import time

perf_counter = time.time
LOOPS = int(os.environ.get('BENCHMARK_LOOPS', '1'))


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
        for _ in range(LOOPS):
            call(*arguments)

    def bench_time_func(self, name, call, *arguments, **options):
        self.parse_args()
        call(LOOPS, *arguments)

    def bench_command(self, name, command):
        sys.exit('%s runs another process' % name)
