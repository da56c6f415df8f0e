# id: 349
# name: limits_back_up
# category: resource
# expect: denied
# detail: limits cannot be set, up or down, for itself or another
# inprocess: no
import resource
for what in range(16):
    for who in (0, {{VICTIM}}):
        for value in ((-1, -1), (1 << 40, 1 << 40), (0, 0)):
            try: resource.prlimit(who, what, value); print('ESCAPED', what, who)
            except (OSError, ValueError) as e: pass
print('DENIED')
