# id: 366
# name: late_call_of_a_thread
# category: runtime
# expect: harmless
# detail: a tool is not called when no program runs, and not later for a program that has ended
# inprocess: no
import threading, time
def f():
    time.sleep(0.3)
    try: r = {{TOOLCALL}}
    except BaseException as e: print('DENIED', e)
    else: print('ESCAPED late call', r)
threading.Thread(target=f, daemon=True).start()
