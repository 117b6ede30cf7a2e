import Queue
import threading

work, done = Queue.Queue(), Queue.Queue()


def worker(number):
    while True:
        item = work.get()
        if item is None:
            break
        try:
            done.put((item, item ** 2 / (item - 3)))
        except ZeroDivisionError:
            done.put((item, 'undefined'))


threads = [threading.Thread(target=worker, args=(n,)) for n in range(2)]
for thread in threads:
    thread.start()
for item in range(6):
    work.put(item)
for thread in threads:
    work.put(None)
for thread in threads:
    thread.join()
results = []
while not done.empty():
    results.append(done.get())
print sorted(results)
