log = []


def leave(way):
    for turn in range(3):
        try:
            log.append(('try', turn))
            if way == 'return':
                return 'returned'
            elif way == 'break':
                break
            elif way == 'continue':
                continue
            elif way == 'raise':
                raise RuntimeError(way)
            log.append('end of try')
        finally:
            log.append(('finally', turn))
    else:
        return 'exhausted'
    return 'left'


def override():
    try:
        return 1
    finally:
        return 2


def inner_outer():
    try:
        try:
            1 / 0
        finally:
            log.append('inner')
    except ZeroDivisionError:
        log.append('handled')
    else:
        log.append('never')
    finally:
        log.append('outer')
    return len(log)


for way in ('return', 'break', 'continue', 'none', 'raise'):
    del log[:]
    try:
        print way, leave(way)
    except RuntimeError as error:
        print 'raised', error
    print log
print override(), inner_outer()
