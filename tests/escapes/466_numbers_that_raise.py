# id: 466
# name: numbers_that_raise
# category: values
# expect: harmless
# detail: numbers that cannot be compared, hashed or written out are values like others
# inprocess: yes
from decimal import Decimal
from fractions import Fraction
for value in (Decimal('sNaN'), 16 ** 6000, range(16 ** 6000), Fraction(16 ** 6000, 3), [Decimal('sNaN')] * 3, {16 ** 6000: 1}):
    back = {{TOOL}}(value)
    print('same' if type(back) is type(value) else 'DENIED')
result = [Decimal('sNaN'), 16 ** 6000]
