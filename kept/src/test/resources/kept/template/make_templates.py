"""Makes expressions.json, random.json and families.json: what transformers' own environment renders. python make_templates.py

The templates of families/ are written for these tests, in the style of the model families that they are named for.
"""
import copy
import datetime as dates
import json
import pathlib
import random
import warnings

import transformers.utils.chat_template_utils as utils

here = pathlib.Path(__file__).parent
warnings.simplefilter("ignore")


class FixedTime(dates.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2026, 3, 5, 7, 8, 9, 123456)


utils.datetime = FixedTime

VARIABLES = {
    "name": "Ada", "text": "  Hello, World!\n second line \n", "empty": "", "wide": "naïve 猎户座 🙂 Straße", "tabs": "a\tbc\td",
    "n": 7, "zero": 0, "negative": -3, "big": 123456789012345678901234567890, "x": 2.5, "tiny": 1e-7, "large": 1e22, "yes": True, "no": False, "nothing": None,
    "numbers": [3, 1, 2], "words": ["pear", "Apple", "fig", "apple"], "none": [], "mixed": [1, "a", None, True, 2.5, [1], {"k": "v"}],
    "user": {"name": "Bob", "age": 42, "items": [1, 2], "get": "got", "nested": {"deep": [10, 20, 30]}},
    "pairs": [{"k": "a", "v": 1}, {"k": "B", "v": 2}, {"k": "a", "v": 3}],
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <there> & \"you\""},
                 {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": [1.5, "é"]}}}]},
                 {"role": "tool", "content": "3"}, {"role": "user", "content": "Thanks 🙂"}],
    "html": "<p class='x'>A & B</p>", "letters": {"b": 1, "a": 2, "C": 3},
}
SCALARS = ["name", "text", "empty", "wide", "n", "zero", "negative", "big", "x", "tiny", "yes", "no", "nothing", "numbers", "words", "none", "mixed", "user",
           "missing", "'a'", "'ab,c'", "1", "0", "2.0", "-1", "true", "none_", "[1, 2]", "(1, 2)", "{'a': 1}", "[]", "{}", "''"]


def show(*expressions):
    return ["{{ " + expression + " }}" for expression in expressions]


def precedence():
    return show(
        "not n is defined", "not missing is defined", "not n in numbers", "not 3 in numbers", "not n == 7", "not yes and no", "not (yes and no)", "not not yes",
        "n is defined and missing is not defined", "1 + 2 * 3 ** 2", "-2 ** 2", "2 ** 3 ** 2", "2 ** -1", "(2 ** 3) ** 2", "10 - 3 - 2", "100 / 10 / 2", "7 // 2 * 2",
        "7 % 4 * 2", "-7 // 2", "-7 % 3", "7 // -2", "7 % -3", "-7.5 // 2", "-7.5 % 2", "7.5 % -2", "1 < 2 < 3", "1 < 3 < 2", "3 > 2 > 1", "1 == 1 == 1",
        "1 in [1] == true", "1 < 2 == true", "(1 < 2) == true", "'a' ~ 1 + 2", "1 + 2 ~ 'a'", "'a' ~ 1 * 2", "1 ~ 2 ~ 3", "'a' ~ nothing ~ yes ~ 1.0", "-n|abs", "-3|abs", "(-3)|abs",
        "n|string|length", "name|upper ~ 'x'", "'x' ~ name|upper", "n + numbers|length", "numbers|length - 1", "numbers|length > 2 and yes", "yes or missing.foo",
        "no and missing.foo", "no or nothing or 'last'", "1 and 2", "0 or ''", "'' and 1", "n if yes else x", "n if no else x", "n if no", "(n if no) is defined",
        "1 if no else 2 if no else 3", "1 if yes if no", "'a' in 'abc'", "'x' not in 'abc'", "not 'x' in 'abc'", "2 in numbers and 5 not in numbers", "yes is true", "1 is true",
        "n is not none", "nothing is none", "nothing is not none or yes", "n is odd and n is not even", "n is divisibleby 7", "n is divisibleby(2)", "n is divisibleby 7 and yes",
        "n is in [7]", "n is in numbers", "n is gt 3", "n is eq(7)", "numbers is iterable and numbers is sequence", "-numbers[0]", "-numbers[0] + 1", "+n", "- - n", "not -1",
        "numbers[-1]", "numbers[n - 6]", "user.nested.deep[0]", "user['nested']['deep'][-1]", "user.nested['deep'].0", "numbers.0", "mixed.5.0", "(1, 2)[0]", "[1, 2][1]",
        "{'a': 1}.a", "{'a': 1}['a']", "'abc'[1]", "'abc'[-1]", "wide[6]", "wide[9:11]", "wide[::-1]", "numbers[::-1]", "numbers[1:]", "numbers[:1]", "numbers[:-1]", "numbers[5:]",
        "numbers[-2:]", "numbers[::2]", "'abcdefgh'[6:1:-2]", "'abcdefgh'[-100:100:3]", "(1, 2, 3)[1:]", "range(10)[2:8:3]", "range(10)[::-2]|list", "''[0]", "''[0] is defined",
        "1 is sameas 1", "yes is sameas true", "n in range(10)", "7.0 in range(10)", "'a' < 'b'", "'a' < 'B'", "[1, 2] < [1, 3]", "(1,) < (1, 2)", "[1] == [1.0]", "true == 1", "1 == 1.0",
        "'1' == 1", "{'a': 1} == {'a': 1.0}", "{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "[1, [2, {'a': none}]] == [1, [2, {'a': None}]]", "missing == missing", "missing == nothing",
        "missing != 1", "nothing == nothing", "(1, 2) == [1, 2]", "range(3) == range(0, 3)", "numbers == none", "big == big + 1", "2.5 == x", "big > 1e29", "big < 1e30", "n >= 7 <= 8",
        "n.real", "n.bit_length()", "x.is_integer()", "yes.real", "n is number", "yes is number", "x is float", "yes is integer", "n is integer", "name is string", "user is mapping",
        "nothing is boolean", "no is boolean", "no is false", "range is callable", "name is callable", "name.upper is callable", "missing is callable", "missing is iterable",
        "missing is sequence", "missing is mapping", "missing is none", "user is sequence", "user is iterable", "n is iterable", "numbers|map('string') is sequence", "'upper' is filter", "'nope' is filter",
        "'odd' is test", "name is lower", "'ABC' is upper", "'Abc' is upper", "'' is lower", "html is escaped", "html|e is escaped", "n is lt 8", "n is lessthan 7", "n is ge 7", "n is ne 7", "n is le 7", "n is equalto 7",
    )


def literals():
    return show(
        "1_000", "0x1F", "0b101", "0o17", "1.5e3", "1e3", "1E-5", "1_0.5_0", "00", "0_0", "1e16", "1e15", "123456789012345678.0", "0.0001", "0.00001", "1e22", "1e23", "5e-324", "1.7976931348623157e308",
        "0.1 + 0.2", "1/3", "2/3", "100.0", "1e2", "-0.0", "0.5", "1e-4", "3.0", "1.0e100", "123456789.123456789", "2.0 ** 70", "2 ** 100", "big * big", "-big // 7", "-big % 7", "big / 3", "7 / 7", "1e308 * 10", "-1e308 * 10",
        "(1e308 * 10) - (1e308 * 10)", "true", "True", "false", "False", "none", "None", "[true, none, 'a', 1.0]", "(1,)", "()", "(1, 'a')", "{'a': none}", "{1: 2, 'b': [1]}", "{}", "[]", "[1, 2, ]", "{'a': 1, }", "(1, 2, )",
        "1, 2", "1,", "'a' 'b' \"c\"", "'it\\'s'", "\"say \\\"hi\\\"\"", "['it\\'s', 'say \"hi\"', 'both \\' and \"']", "'tab\\tnew\\nline'", "['tab\\t\\n\\r\\\\']", "'\\x41\\u00e9\\U0001F642'", "'\\101\\60'", "'\\q\\w'", "'\\é'",
        "'\\N{GREEK SMALL LETTER ALPHA}'", "['\\x00\\x7f\\u200b\\u00a0é🙂']", "'a\\\nb'", "[wide]", "[text]", "mixed", "user", "[none, nothing, missing]", "{'m': missing}", "{true: 1, 1: 2, 1.0: 3}", "{1.5: 'a', none: 'b', (1, 2): 'c'}",
        "range(3)", "range(1, 10, 3)", "range(3)|list", "range(5, 0, -2)|list", "range(-2)|list", "dict(a=1)", "dict(user, age=1)", "dict([(1, 2), ('a', 'b')])", "user.keys()", "user.items()", "letters.values()", "user.keys()|list",
        "user.nested.items()|list", "'a' in user.keys()", "('name', 'Bob') in user.items()", "42 in user.values()", "numbers + [4]", "(1,) + (2,)", "'ab' * 3", "3 * 'ab'", "[0] * 3", "'a' * -1", "'a' * true", "numbers * 2", "true + true", "yes * 3", "yes + 0.5",
        "7 / 2", "6 / 2", "7 // 2.0", "7.0 // 2", "2 ** 0.5", "4 ** 0.5", "0 ** 0", "2 ** 62", "2 ** 64", "10 ** 20", "10 ** -2", "(-2) ** 3", "1.1 ** 2", "5 % 3", "5.5 % 2", "-5 % 3", "5 % -3", "0 % 5", "-0.0 % 3",
        "1e1000 if no else 1", "0x", "1__0", "1_", "012", "1.", ".5", "1.e5", "'unterminated", "[1, 2", "(1", "{'a'}", "{'a' 1}", "a b", "1 +", "* 1", "", ",", "n..x", "n.", "n[", "n[]", "n[1, 2]", "user[1:2, 3]", "n | ", "n is", "not", "if", "n(", "n!", "n @ 2", "n & 1", "n && 1",
        "$x", "n ? 1 : 2", "x = 1", "1 if", "1 else 2", "lambda x: x", "f'x'", "b'x'", "'\\x4'", "'\\u12'", "'\\N{NO SUCH NAME}'", "'\\ud83d'",
    )


def methods():
    strings = ["name", "text", "wide", "empty", "'a-b_c d'", "'ǅ ß ŉ ΑΣ'", "'HELLO world 3rd'", "'x1'", "'12'", "'١٢'", "' '", "'²'"]
    unary = ["capitalize", "title", "upper", "lower", "swapcase", "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "isalpha", "isdigit", "isalnum", "isspace", "islower", "isupper", "istitle", "isnumeric", "isdecimal", "isascii",
             "isidentifier", "isprintable", "casefold", "expandtabs"]
    cases = [f"[{s}.{m}()]" for s in strings for m in unary if not (m == "casefold" and s in ("wide", "'ǅ ß ŉ ΑΣ'", "'١٢'", "'²'"))]
    cases += [
        "text.strip()", "text.strip(' \\nH')", "'xxaxx'.strip('x')", "'xxaxx'.lstrip('x')", "'xxaxx'.rstrip('x')", "'abc'.strip('')", "'abc'.strip(none)", "'🙂a🙂'.strip('🙂')", "'a,b,,c'.split(',')", "'a,b,,c'.split(',', 1)", "'a,b,,c'.rsplit(',', 1)",
        "'a,b,,c'.split(sep=',', maxsplit=2)", "'a,b,,c'.rsplit(',')", "'  a  b  c '.split(none, 1)", "'  a  b  c '.rsplit(none, 1)", "'  a b '.split(maxsplit=0)", "'  a b '.rsplit(maxsplit=0)", "''.split()", "''.split(',')", "'abc'.split('')",
        "'aXbXc'.split('X')[-1]", "'</think>a</think>b'.split('</think>')[-1].lstrip('\\n')", "'a</think>b'.rsplit('</think>', 1)", "'a\\nb\\r\\nc\\x0bd\\u2028e\\n'.splitlines()", "'a\\nb\\n'.splitlines(true)", "'a\\n\\nb'.splitlines(keepends=true)",
        "name.startswith('A')", "name.startswith(('X', 'A'))", "name.startswith('d', 1)", "name.endswith('da')", "name.endswith('d', 0, 2)", "name.startswith('')", "name.startswith('', 3)", "name.startswith('', 4)", "name.startswith([])", "name.startswith(1)",
        "wide.find('猎')", "wide.find('🙂')", "wide.find('S')", "wide.find('zz')", "wide.rfind('a')", "'aaa'.find('a', 1)", "'aaa'.find('a', 1, 1)", "'aaa'.rfind('a', 0, 2)", "'aaa'.find('')", "'aaa'.find('', 3)", "'aaa'.find('', 4)", "'aaa'.index('b')", "'aaa'.rindex('a')",
        "'banana'.count('a')", "'banana'.count('an')", "'banana'.count('')", "'banana'.count('a', 2)", "'banana'.count('a', 2, 4)", "wide.count('')", "'banana'.replace('a', 'o')", "'banana'.replace('a', 'o', 1)", "'banana'.replace('', '-')", "wide.replace('', '-')",
        "'banana'.replace('', '-', 2)", "'banana'.replace('a', '', -1)", "'banana'.replace('na', 'NANA')", "'banana'.replace('a')", "'banana'.replace(old='a', new='b')", "'banana'.replace('x', 'y')", "'TestHook'.removeprefix('Test')", "'TestHook'.removesuffix('Hook')",
        "'a'.removesuffix('')", "'a=b=c'.partition('=')", "'a=b=c'.rpartition('=')", "'abc'.partition('=')", "'abc'.rpartition('=')", "'-'.join(words)", "'-'.join('abc')", "'-'.join([])", "'-'.join([1])", "', '.join(user)", "''.join(words|map('upper'))", "'ab'.center(7, '*')",
        "'ab'.center(6)~'|'", "'abc'.center(6, '*')", "'ab'.ljust(5)~'|'", "'ab'.rjust(5, '0')", "'ab'.ljust(1)", "'ab'.center(5, 'xx')", "'42'.zfill(5)", "'-42'.zfill(5)", "'+4'.zfill(1)", "''.zfill(3)", "tabs.expandtabs()", "tabs.expandtabs(4)", "tabs.expandtabs(tabsize=0)", "'a\\nb\\tc'.expandtabs(4)",
        "'{} and {}'.format(1, 'b')", "'{1} {0}'.format('a', 'b')", "'{a} {b!r}'.format(a=1, b='x')", "'{:>5}|{:<5}|{:^5}|'.format('a', 'b', 'c')", "'{:*^9}'.format('mid')", "'{:05d} {:x} {:X} {:o} {:b} {:#x} {:#b}'.format(42, 255, 255, 8, 5, 255, 5)", "'{:,} {:_}'.format(1234567, 1234567)", "'{:.2f} {:e} {:g} {:%}'.format(3.14159, 12345.678, 0.00001, 0.25)",
        "'{:+d} {: d} {:+d}'.format(5, 5, -5)", "'{:08.3f}'.format(-3.14159)", "'{:10.4}|'.format('abcdefgh')", "'{0[0]} {1[name]} {1.age}'.format(numbers, user)", "'{{}} {}'.format(1)", "'{:{w}}|'.format('a', w=5)", "'{!s:>6}'.format(none)", "'{}'.format(missing)", "'{}'.format(none)", "'{}'.format([1, 'a'])",
        "'{:,.2f}'.format(1234567.891)", "'{:.0f} {:.0f} {:.0f}'.format(0.5, 1.5, 2.5)", "'{:g} {:g} {:g}'.format(100000.0, 1000000.0, 1e-5)", "'{:d}'.format(true)", "'{}'.format(true)", "'{:5}|{:5}|'.format(1, 1.5)", "'{:<5}|'.format(7)", "'{:=+6d}'.format(7)", "'{:e}'.format(0)", "'{:.3e}'.format(123456)",
        "'{'.format()", "'}'.format()", "'{}'.format()", "'{0} {}'.format(1, 2)", "'{a}'.format()", "'{:d}'.format('a')", "'{:s}'.format(1)", "'{:.2d}'.format(1)", "'{:>5}'.format([])", "'{0.__class__}'.format(1)", "'{a[b]}'.format_map({'a': {'b': 5}})", "'{:é>5}'.format(1)", "'{:🙂^5}'.format('a')",
        "'%s is %d years' % ('Bob', 42)", "'%s' % name", "'%s' % none", "'%s' % [1, 2]", "'%s %s' % (1, 2)", "'%r %r' % ('a', 1.5)", "'%5d|%-5d|%05d|%+d' % (42, 42, 42, 42)", "'%.2f %8.3f %e %g %G' % (3.14159, 2.71828, 12345.678, 0.00001, 1e20)", "'%x %X %o %#x %#o' % (255, 255, 8, 255, 8)",
        "'%c%c' % ('a', 98)", "'%%'  % ()", "'100%'", "'%(a)s %(b)03d' % {'a': 1, 'b': 2}", "'%5s|%-5s|%.2s' % ('ab', 'ab', 'abcdef')", "'%*d' % (5, 42)", "'%-*d|' % (5, 42)", "'%d' % 3.99", "'%d' % '3'", "'%s %s' % 'a'", "'%s' % (1, 2)", "'%y' % 1", "'%' % 1", "'abc' % 1", "'abc' % [1]", "'abc' % {}",
        "'%i %u' % (1, 2)", "'%s' % missing", "'%d' % true", "'%5.1f|%-8.1f|' % (2.25, 2.35)", "'%a' % 'é'", "'% d' % 5", "'%+.1e' % 12345.678", "'%05s' % 'ab'", "'%.3d' % 5", "'%#.3g' % 1.0", "'%f' % big", "'%d' % big", "'%g' % 1e16", "'%s' % (1,)", "'%s' % ()", "'%(x)s' % 5",
        "numbers.index(1)", "numbers.index(9)", "numbers.count(1)", "numbers.append(1)", "numbers.append is defined", "numbers.pop()", "numbers.sort", "numbers.copy()", "(1, 2, 1).count(1)", "(1, 2).index(2)", "user.get('name')", "user.get('nope')", "user.get('nope', 'd')", "user.get(1)", "user['get']", "user.items", "user['items']",
        "user.update({'a': 1})", "user.pop('name')", "user.pop is defined", "user.clear", "user.copy() == user", "user.get('nested').get('deep')", "user.nope", "user.nope is defined", "user.nope.deeper", "user['nope']['deeper']", "user.setdefault('a', 1)", "user.fromkeys([1, 2], 3)", "name.nope", "name.nope is defined", "name['upper']()",
        "name.upper", "n.nope", "nothing.nope", "nothing.nope.x", "nothing['a']", "n['a']", "n[0]", "numbers['a']", "numbers['index'](2)", "numbers[none]", "numbers[1.0]", "numbers[true]", "numbers[9]", "numbers[-9]", "numbers[9].x", "user[none]", "user[[]]", "user[(1, 2)]", "name[0:none]", "numbers[none:]", "numbers['a':]", "numbers[1.5:]", "numbers[::0]", "nothing[1:]",
        "user[1:]", "missing[1:]", "missing.x", "missing['x']", "missing()", "name()", "nothing()", "missing + 1", "1 + missing", "-missing", "missing < 1", "missing ~ 'x'", "missing * 2", "missing and 1", "missing or 1", "not missing", "missing in [1]", "1 in missing", "missing in 'abc'", "missing in numbers", "missing|length", "missing.__class__", "name.__class__", "name.__class__.__mro__",
        "user.__class__ is defined", "name.__len__", "name.__len__()", "user._x", "name|attr('upper')", "name|attr('nope')", "user|attr('name')", "1 + 'a'", "'a' + 1", "[1] + (2,)", "none + 1", "'a' - 'b'", "{} + {}", "[] * []", "1 / 0", "1 // 0", "1 % 0", "1.0 / 0", "0 ** -1", "1 < 'a'", "none < 1", "[1] < ['a']", "{} < {}", "1 in 5", "'a' in nothing", "1 in 'abc'",
        "[] in {}", "[] in [[]]", "range('a')", "range()", "range(1, 2, 0)", "range(100000)|length", "range(100001)", "range(1.5)", "dict(1)", "dict([1])", "{[]: 1}", "{{}: 1}", "nosuchfunction()", "numbers()", "name.upper(1)", "name.split(1)", "name.replace(1, 2)", "name.nope()", "range(3, stop=5)", "dict(a=1, a=2)", "dict(*[[]])", "dict(**{'a': 1})", "dict(**1)", "range(*[1, 5])|list", "range(*numbers)|list", "dict(**{'a': 1}, **{})", "range(*1)",
        "name.encode()", "'ß'.upper()", "'ﬁ'.title()", "'ῼ'.lower()", "'ΑΣ ΑΣΑ'.lower()", "'İ'.lower()", "'i'.upper()", "'ŉ'.capitalize()", "'ǆ'.title()", "'dž'.capitalize()", "\"they're bill's\".title()", "'a1b c-d'.title()", "'ßa'.capitalize()", "'AΣ'.capitalize()", "'AΣ'.swapcase()",
        "loop", "self", "self.nope", "super", "caller", "varargs", "kwargs", "cycler", "lipsum", "joiner()() ~ joiner()()", "namespace(a=1)", "namespace(a=1).a", "namespace({'b': 2}, a=1).b", "namespace().x", "namespace(_x=1)._x", "namespace(a=1)['a']", "raise_exception('no ' ~ n)", "raise_exception()", "strftime_now('%Y-%m-%d')", "strftime_now('%d %b %Y')",
        "strftime_now('%A %a %B %b %d %e %H %I %M %S %p %j %y %Y %m %w %u %U %W %V %G %C %f %z %Z %% %c %x %X %D %F %T %R %r %h %n %t %k %l %P')", "strftime_now('%-d %-m %-I %_d %^a %^B %#p %-H %0e')", "strftime_now('é %Y')", "strftime_now()", "strftime_now(1)", "cycler(1, 2).next()", "cycler()", "cycler('a').current",
    ]
    return show(*cases)


def filters():
    cases = []
    for value in SCALARS:
        for name in ["length", "string", "upper", "title", "capitalize", "trim", "int", "float", "list", "first", "last", "join(',')", "default('d')", "default('d', true)", "tojson", "sort", "reverse|list", "unique|list", "sum", "max", "min", "abs", "round",
                     "items|list", "map('string')|list", "select|list", "wordcount", "replace('a', 'o')", "e", "safe", "urlencode", "indent", "truncate(3)", "center(9)", "batch(2)|list", "slice(2)|list", "pprint", "count", "forceescape", "filesizeformat", "dictsort", "xmlattr", "striptags"]:
            cases.append(f"{value}|{name}")
    cases += [
        "numbers|sort(reverse=true)", "words|sort", "words|sort(case_sensitive=true)", "words|sort(true)", "pairs|sort(attribute='v', reverse=true)|map(attribute='v')|list", "pairs|sort(attribute='k,v')|map(attribute='v')|list", "pairs|map(attribute='k')|join('-')", "pairs|map(attribute='nope', default='x')|list", "pairs|map(attribute='nope')|list",
        "pairs|selectattr('v', 'gt', 1)|list|length", "pairs|selectattr('k', 'equalto', 'a')|map(attribute='v')|list", "pairs|rejectattr('k', '==', 'a')|list", "pairs|selectattr('v')|list|length", "pairs|groupby('k')|list", "pairs|groupby('k')|map(attribute='grouper')|list", "pairs|groupby('k', case_sensitive=true)", "pairs|groupby('z', default=0)",
        "pairs|sum(attribute='v')", "pairs|sum('v', 10)", "[[1], [2]]|sum(start=[])", "['a']|sum", "['a']|sum(start='')", "pairs|max(attribute='v')", "pairs|min(attribute='k')", "words|unique|list", "words|unique(case_sensitive=true)|list", "pairs|unique(attribute='k')|map(attribute='v')|list", "[[1]]|unique|list",
        "numbers|select('odd')|list", "numbers|reject('odd')|list", "numbers|select('>', 1)|list", "numbers|select('in', [1, 2])|list", "numbers|select('divisibleby', 3)|list", "numbers|map('string')|map('length')|list", "words|map('upper')|join(', ')", "words|map('replace', 'p', 'P')|list", "numbers|map('nope')|list", "numbers|select('nope')|list", "numbers|map()|list",
        "messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|list", "messages|selectattr('tool_calls', 'defined')|list|length", "messages|rejectattr('content', 'none')|list|length", "messages|map(attribute='role')|unique|list", "(messages|selectattr('role', 'in', ['user', 'tool'])|list)|length", "messages|selectattr('role', 'eq', 'system')|first", "(messages|first).role",
        "messages|last|attr('keys')", "messages[0]|items|list", "letters|dictsort", "letters|dictsort(case_sensitive=true)", "letters|dictsort(by='value')", "letters|dictsort(false, 'value', true)", "letters|dictsort(by='x')", "letters|items|list", "letters|list", "letters|length", "letters|first", "letters|join", "letters|tojson(indent=2)", "mixed|tojson", "mixed|tojson(indent=4)", "user|tojson(indent=2)", "user|tojson(sort_keys=true)",
        "user|tojson(separators=(',', ':'))", "wide|tojson", "wide|tojson(ensure_ascii=true)", "html|tojson", "text|tojson", "[]|tojson(indent=2)", "{}|tojson(indent=2)", "[[], {}]|tojson(indent=2)", "[1, [2]]|tojson(indent=0)", "[1]|tojson(indent='--')", "{'a': (1, 2)}|tojson", "{1: 2, none: 3, true: 4, 1.5: 5}|tojson", "{(1,): 2}|tojson", "range(3)|tojson", "missing|tojson", "namespace()|tojson", "x|tojson", "large|tojson", "tiny|tojson", "big|tojson",
        "(1e308 * 10)|tojson", "messages[2].tool_calls[0].function|tojson", "messages[2].tool_calls[0].function.arguments|tojson(indent=4)", "html|e|tojson", "user|tojson(true)", "user|tojson(nope=1)", "{'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true, indent=1)", "'\\x00\\x1f\\x7f\\u2028/'|tojson", "'\\x00\\x1f\\x7f\\u2028🙂'|tojson(ensure_ascii=true)", "user.keys()|tojson", "[missing]|tojson", "{'b': 1, 1: 2}|tojson(sort_keys=true)",
        "'%s-%s'|format('a', 1)", "'%(x)s'|format(x=1)", "'%s'|format(1, x=2)", "'%d%%'|format(50)", "'%s'|format", "'%05.1f'|format(x)", "text|indent", "text|indent(2)", "text|indent(2, true)", "text|indent(2, blank=true)", "text|indent('> ')", "'a\\n\\nb'|indent(2)", "'a\\n\\nb'|indent(2, false, true)", "''|indent(2, true)", "'a'|indent(width=1, first=true)", "5|indent", "'a\\r\\nb'|indent",
        "'a long sentence of words'|truncate(12)", "'a long sentence of words'|truncate(12, true)", "'a long sentence of words'|truncate(12, true, '')", "'a long sentence of words'|truncate(12, end='…', leeway=0)", "'abcdef'|truncate(5)", "'abcdef'|truncate(2)", "'abc def ghi jkl'|truncate(9, leeway=0)", "wide|truncate(8, true, '', 0)", "name|center(9)~'|'", "name|center~'|'", "text|trim", "'xxaxx'|trim('x')", "'xxaxx'|trim(chars='x')", "42|trim",
        "'3'|int", "'3.7'|int", "3.7|int", "-3.7|int", "'abc'|int", "'abc'|int(-1)", "'0x1F'|int(base=16)", "'1F'|int(0, 16)", "'0b11'|int(0, 2)", "'0b11'|int(0, 0)", "'077'|int(base=8)", "'10'|int(0, 99)", "' 42 '|int", "'1_000'|int", "'1__0'|int", "'٣'|int", "'1e3'|int", "'inf'|int", "'nan'|int(5)", "none|int", "[]|int", "true|int", "'+5'|int", "'- 5'|int", "'3'|float", "'abc'|float", "'abc'|float(1.5)", "'1e5'|float", "'inf'|float", "'-nan'|float", "' 1.5 '|float",
        "'1_0.5'|float", "'.5'|float", "'5.'|float", "'.'|float", "'1e'|float", "big|float", "yes|float", "2.5|round", "3.5|round", "-2.5|round", "2.567|round(2)", "2.675|round(2)", "1234.5|round(-2)", "1234|round(-2)", "1250|round(-2)", "1350|round(-2)", "7|round", "7|round(1)", "2.1|round(0, 'ceil')", "2.9|round(method='floor')", "2.567|round(1, 'ceil')", "2.567|round(1, 'floor')", "-2.5|round(0, 'ceil')", "7|round(0, 'ceil')", "7|round(-1, 'ceil')", "2.5|round(0, 'x')", "'a'|round", "0.15|round(1)",
        "1e300|round(2)", "2.5|round(400)", "12345.6789|round(-400)", "1|filesizeformat", "999|filesizeformat", "1000|filesizeformat", "1234567|filesizeformat", "1234567|filesizeformat(true)", "1e30|filesizeformat", "1024|filesizeformat(binary=true)", "'1000'|filesizeformat", "html|e", "html|escape|e", "html|e|forceescape", "html|safe", "html|safe|e", "html|striptags", "'<b>bold</b>  and <i>it</i> <!-- c --> x'|striptags", "'a < b > c'|striptags", "html|e ~ '<'", "(html|e) + '<'", "'<' + (html|e)", "(html|e) * 2", "(html|e)[0:4]", "(html|e)|upper", "(html|e)|replace('&', 'X')",
        "(html|safe)|trim", "(html|e).upper()", "(html|e).split('&')", "[html|e]", "(html|e)|length", "(html|e) == html", "'<'|safe == '<'", "('<'|safe)|string is escaped", "('a'|safe)|list", "('a<'|safe).replace('a', '<')", "{'a': '<'|safe}", "numbers|join(', ')", "mixed|join('|')", "words|join", "pairs|join(',', attribute='k')", "words|join(d='/')", "words|join(1)", "none|join", "5|join", "'abc'|join('-')", "words|map('length')|sum", "numbers|first", "[]|first", "[]|last", "''|first", "'abc'|last", "range(3)|last",
        "numbers|reverse|list", "'abc'|reverse", "wide|reverse", "letters|reverse|list", "5|reverse", "numbers|reverse", "numbers|map('string')", "numbers|batch(2)", "numbers|batch(2, 'x')|list", "range(7)|batch(3)|list", "range(7)|batch(3, 0)|map('length')|list", "range(7)|slice(3)|list", "range(7)|slice(3, 'x')|list", "range(7)|slice(0)|list", "numbers|map('string')|length", "numbers|map('string')|list|length", "numbers|map('string')|first", "numbers|map('string')|last", "(1, 2)|list", "user|list", "'abc'|list", "5|list", "none|list",
        "'a b&c/d?é'|urlencode", "{'a b': 'c&d', 'e': 1}|urlencode", "[('a', 1), ('b', 'x y')]|urlencode", "5|urlencode", "{'class': 'a b', 'id': none, 'x': missing, 't': '<'}|xmlattr", "{'a': 1}|xmlattr(false)", "{'a b': 1}|xmlattr", "{}|xmlattr", "'hello world-foo (bar) [x] {y} <z>'|title", "\"it's a dog's\"|title", "'ÉCOLE été ß'|title", "'HELLO'|capitalize", "'a b_c d2e'|wordcount", "wide|wordcount", "letters|pprint", "{'b': [1], 'a': {'z': 1, 'y': 2}}|pprint", "name|pprint", "numbers|abs", "none|default('x')", "missing|default", "missing|d('x')", "none|default('x', true)",
        "''|default('x', boolean=true)", "0|default(5, true)", "missing.x|default('y')", "user.nope|default('y')", "user.nope|default(missing)|default('z')", "name|nope", "name|nope if no", "name|nope if no else 1", "name is nope", "name is nope if no", "name|upper(1)", "name|replace('a')", "name|replace('A', 'o')|replace('d', 'dd', 1)", "5|replace('5', '6')", "none|replace('N', 'n')", "name|replace('', '-')", "name|default(1, 2, 3)", "name|length(1)", "numbers|min", "words|max", "words|max(case_sensitive=true)", "[]|max", "[]|max is defined", "[1, 'a']|max", "[none, 1]|sort", "[[2, 1], [1, 5]]|sort",
        "[true, false, 2, 0.5]|sort", "['b', 'A', 'a', 'B']|sort", "[3, 1, 2]|sort|join", "name|list|sort|join", "letters|sort", "'hello'|sort", "5|sort", "numbers|sort(attribute='x')", "words|sort(attribute='0')", "words|map(attribute='0')|list", "[[1, 2], [3, 4]]|map(attribute=1)|list", "[{'a': {'b': 1}}]|map(attribute='a.b')|list", "[{'a': [5, 6]}]|map(attribute='a.1')|list", "numbers|string", "name|string", "text|wordcount", "range(3)|sum", "[0.1, 0.2, 0.3]|sum", "[1, 2.5, true]|sum", "[missing]|sum", "[none]|sum", "none|items|list", "missing|items|list", "5|items|list",
        "name|attr(1)", "numbers|attr('count')", "'x'|string|safe|upper", "numbers|tojson|length", "user.age|string + 'y'", "(user.age ~ '')|length", "'abc'|batch(2)|list", "'a'|forceescape", "missing|forceescape", "none|e", "5|e ~ 1", "[1, '<']|e", "missing|e", "missing|safe",
    ]
    return show(*cases)


def statements():
    return [
        "{% set a = 1 %}{{ a }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = 'xy' %}{{ b }}{{ a }}", "{% set (a, b), c = (1, 2), 3 %}{{ a + b + c }}", "{% set a, b = 1 %}", "{% set a, b = [1] %}", "{% set a, b = [1, 2, 3] %}", "{% set a = 1, 2 %}{{ a }}", "{% set a = 1, %}{{ a }}", "{% set x %}hi {{ name }}{% endset %}{{ x|upper }}",
        "{% set x | upper | replace('H', 'J') %}hi{% endset %}{{ x }}", "{% set name %}<{{ name }}>{% endset %}{{ name }}", "{% set name = name ~ '!' %}{{ name }}", "{% set true = 1 %}", "{% set 1 = 2 %}", "{% set a.b = 1 %}", "{% set a[0] = 1 %}", "{% set ns = namespace(c=0) %}{% for i in range(5) %}{% set ns.c = ns.c + i %}{% endfor %}{{ ns.c }}",
        "{% set ns = namespace(i=messages|length - 1, last='x') %}{{ ns.i }}{{ ns.last }}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns }}", "{% set d = {} %}{% set d.x = 1 %}", "{% set ns = namespace() %}{% set ns.t %}text{% endset %}{{ ns.t }}", "{% set ns = namespace(items=[1]) %}{{ ns.items }}",
        "{% for i in [1, 2] %}{% set v = i %}{% endfor %}{{ v }}", "{% set v = 0 %}{% for i in [1, 2] %}{{ v }}{% set v = i %}{{ v }}{% endfor %}{{ v }}", "{% if yes %}{% set v = 1 %}{% endif %}{{ v }}", "{% if no %}{% set name = 1 %}{% endif %}{{ name }}", "{% for i in [1] %}{% if no %}{% set name = 1 %}{% endif %}{{ name }}{% endfor %}",
        "{% for name in [] %}{% endfor %}{{ name }}", "{% for name in [1] %}{{ name }}{% endfor %}{{ name }}", "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}", "{% with a, b = (1, 2) %}{{ a }}{% endwith %}",
        "{% for i in numbers %}{{ i }}{% else %}none{% endfor %}", "{% for i in [] %}{{ i }}{% else %}none{% endfor %}", "{% for i in [1] %}{% break %}{% else %}else{% endfor %}", "{% for i in [1, 2] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% else %}else{% endfor %}", "{% for i in [1] %}{% continue %}{% else %}else{% endfor %}",
        "{% for i in range(9) %}{% if i is odd %}{% continue %}{% endif %}{% if i > 5 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% break %}", "{% continue %}", "{% for i in [1] %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}", "{% for i in [1, 2] %}{% set x %}a{% if i == 1 %}{% continue %}{% endif %}b{% endset %}{{ x }}{% endfor %}",
        "{% for i in [1, 2] %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "{% for i in [1, 2] %}{% filter upper %}a{% break %}{% endfilter %}{% endfor %}done", "{% for i in [1, 2] %}{% for j in [] %}{% else %}{% break %}{% endfor %}{{ i }}{% endfor %}x", "{% for k, v in letters.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in letters|dictsort %}{{ k }}={{ v }};{% endfor %}",
        "{% for k in letters %}{{ k }}{% endfor %}", "{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }} {% endfor %}", "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [1] %}{% endfor %}", "{% for c in 'añ🙂' %}{{ c }}|{% endfor %}", "{% for i in missing %}{{ i }}{% else %}empty{% endfor %}", "{% for i in 5 %}{% endfor %}", "{% for i in none %}{% endfor %}", "{% for i in nothing %}{% endfor %}",
        "{% for i in numbers if i > 1 %}{{ loop.index }}:{{ i }}/{{ loop.length }} {% endfor %}", "{% for i in numbers if i > 9 %}{{ i }}{% else %}no{% endfor %}", "{% for a, b in [(1, 2), (3, 4)] if a > 1 %}{{ a }}{{ b }}{% endfor %}", "{% for m in messages if m.role == 'user' and not loop %}{{ m.content }}{% endfor %}", "{% for i in numbers if loop.first %}{{ i }}{% endfor %}", "{% for i in (numbers if yes else []) %}{{ i }}{% endfor %}", "{% for i in numbers if yes else [] %}{{ i }}{% endfor %}",
        "{% for i in 1, 2 %}{{ i }}{% endfor %}", "{% for i in numbers|sort %}{{ i }}{% endfor %}", "{% for i in numbers + [9] %}{{ i }}{{ ', ' if not loop.last }}{% endfor %}", "{% for i in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}", "{% for i in numbers %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}",
        "{% for i in numbers %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}", "{% for i in [1, 1, 2, 2] %}{{ loop.changed(i) }}{% endfor %}", "{% for i in numbers %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for i in numbers %}{{ loop.nope }}{{ loop['index'] }}{% endfor %}", "{% for i in numbers %}{{ loop }}{% endfor %}", "{% for i in numbers %}{{ loop() }}{% endfor %}", "{% for i in numbers|map('string') %}{{ loop.last }}{{ loop.length }}{% endfor %}",
        "{% for i in numbers %}{% for j in numbers %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}", "{% for i in numbers %}{% set outer = loop %}{% for j in [1] %}{{ outer.index }}{{ loop.index }}{% endfor %}{% endfor %}", "{% for i in [1, [2, [3]]] recursive %}{% if i is iterable %}({{ loop(i) }}){% else %}{{ i }}{{ loop.depth }}{% endif %}{% endfor %}", "{% for loop in [1] %}{% endfor %}", "{% for i in [1] %}{% set loop = 2 %}{% endfor %}", "{% set loop = 2 %}{{ loop }}",
        "{% for i in [] recursive %}{% else %}none{% endfor %}", "{% for i in numbers recursive %}{{ i }}{% else %}none{% endfor %}", "{% for x in y %}", "{% for in y %}{% endfor %}", "{% for x of y %}{% endfor %}", "{% for x in %}{% endfor %}", "{% for x in y %}{% endif %}", "{% for x.y in z %}{% endfor %}", "{% endfor %}", "{% else %}", "{% if %}{% endif %}", "{% if yes %}", "{% elif yes %}", "{% if yes %}a{% else %}b{% else %}c{% endif %}",
        "{% if no %}a{% elif yes %}b{% else %}c{% endif %}", "{% if no %}a{% elif no %}b{% else %}c{% endif %}", "{% if nothing %}a{% endif %}", "{% if numbers %}a{% endif %}{% if none %}b{% endif %}", "{% if not add_generation_prompt is defined %}off{% endif %}", "{% if missing %}a{% else %}b{% endif %}", "{% if yes, no %}a{% endif %}", "{% if yes: %}a{% endif %}", "{% if namespace() %}a{% endif %}", "{% if range(0) %}a{% else %}b{% endif %}",
        "{% macro m(a, b=2) %}[{{ a }}{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(b=1, a=2) }}{{ m() }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}", "{% macro m(a=1, b) %}{% endmacro %}", "{% macro m(a, a) %}{% endmacro %}", "{% macro m(a=b, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}{{ m(b=3) }}",
        "{% macro m(x) %}{{ x }}{% if x > 0 %}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}", "{% macro m() %}{{ name }}{% endmacro %}{% for name in [1] %}{{ m() }}{% endfor %}", "{% macro m() %}{% set z = 1 %}{{ z }}{% endmacro %}{{ m() }}{{ z }}", "{{ m }}{% macro m() %}{% endmacro %}{{ m }}", "{% macro m(a, b=1) %}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.caller }}",
        "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}hi{% endcall %}", "{% macro m() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) m() %}{{ a }}+{{ b }}{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}x{% endmacro %}{% call m() %}hi{% endcall %}", "{% macro m(caller=none) %}{{ caller() if caller }}{% endmacro %}{% call m() %}hi{% endcall %}{{ m() }}", "{% macro m(caller) %}{{ caller() }}{% endmacro %}{% call m() %}hi{% endcall %}", "{% call name %}{% endcall %}", "{% call name.upper() %}{% endcall %}",
        "{% macro a() %}{% call b() %}{{ caller() }}{% endcall %}{% endmacro %}{% macro b() %}({{ caller() }}){% endmacro %}{% call a() %}x{% endcall %}", "{% macro m() %}a\n{% endmacro %}{{ m()|trim }}b", "{% filter upper %}abc {{ name }}{% endfilter %}", "{% filter replace('a', 'o')|upper %}banana{% endfilter %}", "{% filter nope %}{% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}", "{% generation %}hi {{ name }}{% endgeneration %}", "{% set v = 1 %}{% generation %}{% set v = 2 %}{{ v }}{% endgeneration %}{{ v }}",
        "{% macro m() %}{% generation %}{{ caller() }}{% endgeneration %}{% endmacro %}{% call m() %}x{% endcall %}", "{% block a %}A{{ name }}{% endblock %}", "{% set q = 1 %}{% block a %}{{ q }}{% endblock %}", "{% for i in [1, 2] %}{% block a %}[{{ i }}]{% endblock %}{% endfor %}", "{% for i in [1, 2] %}{% block a scoped %}[{{ i }}{{ loop.index }}]{% endblock %}{% endfor %}", "{% block a %}x{% endblock %}{{ self.a() }}", "{% block a %}{% endblock %}{% block a %}{% endblock %}", "{% block a %}{{ super() }}{% endblock %}",
        "{% block a required %}{% endblock %}", "{% block a required %}x{% endblock %}", "{% block a %}{% set q = 1 %}{{ q }}{% endblock %}{{ q }}", "{% block a %}x{% endblock a %}", "{% block a-b %}x{% endblock %}", "{% print 1, name %}", "{% print %}", "{% do 1 %}", "{% debug %}", "{% trans %}{% endtrans %}", "{% nope %}", "{% %}", "{%%}", "{{}}", "{% 1 %}", "{% include 'x' %}", "{% include 'x' ignore missing %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{% if no %}{% include 'x' %}{% import 'x' as z %}{% extends 'y' %}{% endif %}ok", "{% for i in [] %}{% extends 'x' %}{% endfor %}",
        "{% autoescape false %}{{ html }}{% endautoescape %}", "{% if no %}{{ name|nope }}{% endif %}ok", "{% if yes %}{{ name|nope }}{% endif %}", "{% if no %}{% for i in [1] %}{{ i|nope }}{% endfor %}{% endif %}", "{% macro m() %}{{ 1|nope }}{% endmacro %}", "{% if no %}{{ 1 is nope }}{% endif %}ok", "{% set x = cycler('a', 'b') %}{{ x.next() }}{{ x.next() }}{{ x.next() }}{{ x.current }}{% set _ = x.reset() %}{{ x.next() }}", "{% set j = joiner('|') %}{% for i in numbers %}{{ j() }}{{ i }}{% endfor %}", "{% set g = numbers|map('string') %}{{ g|list }}{{ g|list }}", "{% set g = numbers|select %}{{ 1 in g }}{{ g|list }}",
        "{% set m = numbers|map('nope') %}ok", "{% set l = [1] %}{% set l2 = l + [2] %}{{ l }}{{ l2 }}", "{% set f = name.upper %}{{ f() }}", "{% set r = range %}{{ r(2)|list }}", "{% set a = missing %}{{ a is defined }}{{ a }}", "{% set a = user.nope %}{{ a is defined }}", "{% for m in messages %}{{ m.role }}{{ m.content }}{{ m.nope }}{% endfor %}", "{{ messages[0].content if messages[0].role == 'system' else '' }}{% set messages = messages[1:] %}{{ messages|length }}", "{% set loop_messages = messages[1:] if messages[0]['role'] == 'system' else messages %}{{ loop_messages[0].content }}",
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}", "{% for message in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{{ index }}{{ message.role }} {% endfor %}", "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'tool' %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}", "{% for i in range(5) %}{% if i == 3 %}{% set last = i %}{{ last }}{% endif %}{% endfor %}{{ last is defined }}",
        "{% set x = 1 %}{% if yes %}{% set x = x + 1 %}{% if yes %}{% set x = x + 1 %}{% endif %}{% endif %}{{ x }}", "{% for a in [1, 2] %}{% for b in [1, 2] %}{% set c = a * b %}{{ c }}{% endfor %}{{ c }}{% endfor %}", "{% for i in [1] %}{% macro im() %}{{ i }}{% endmacro %}{{ im() }}{% endfor %}{{ im is defined }}", "{% macro outer() %}{% macro inner() %}in{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}{{ inner is defined }}", "{% set x = 1 %}{% macro m(x) %}{{ x }}{% endmacro %}{{ m(2) }}{{ x }}", "{% set kwargs = 1 %}{% macro m() %}{{ kwargs }}{% endmacro %}{{ m() }}",
        "{% macro m(kwargs) %}{{ kwargs }}{% endmacro %}{{ m(1) }}", "{% macro m() %}{% for a in varargs %}{{ a }}{% endfor %}{% endmacro %}{{ m(*numbers) }}{{ m(*'ab') }}", "{% macro m(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ m(**{'a': 1, 'b': 2}) }}{{ m(1, **{'b': 3}) }}{{ m(1, **{'a': 3}) }}", "{% set s | replace(name, 'x') %}Ada{% endset %}{{ s }}{{ name }}", "{% set s | replace(other, 'x') %}Ada{% endset %}{{ s }}",
    ]


def whitespace():
    cases = [
        "a\n{% if yes %}\nb\n{% endif %}\nc", "a\n  {% if yes %}  \n  b\n  {% endif %}  \nc", "a {% if yes %} b {% endif %} c", "a\n  {%- if yes -%}  \n  b\n  {%- endif -%}  \nc", "a\n  {%+ if yes +%}\n  b\n  {%+ endif +%}\nc", "a\n  {{ name }}  \nb", "a\n  {{- name -}}  \nb", "a\n{{ name }}\n", "a\n{{ name }}\n\n", "line\n", "line\n\n",
        "\n", "", "   ", "{{ name }}\n{{ name }}", "a\n  {# comment #}  \nb", "a\n  {# comment #}\nb", "a\n  {#- comment -#}\n  b", "a\n  {#+ comment +#}\n  b", "a {# one #}\n{# two #}\nb", "{# multi\nline #}x", "{#", "{# a", "{#}", "{#-#}x", "{#--#} x", "a\r\n  {% if yes %}\r\nb\r\n{% endif %}\r\nc\r\n", "a\rb\r", "{{ '\r\n' }}|",
        "{% raw %}{{ x }}{% if %}{% endraw %}", "a\n  {% raw %}\n  {{ x }}\n  {% endraw %}\nb", "a\n  {%- raw -%}\n  {{ x }}\n  {%- endraw -%}\nb", "{% raw %}", "{% raw %}{% endraw", "{%raw%}{{{%endraw%}", "{% raw +%}x{% endraw %}", "{% raw %}a{%+ endraw +%}\nb", "{% rawx %}", "{{+ 5 }}", "{{- 5 }}", "{{ 5 +}}", "{{-5}}", "a {{-5 -}} b", "{{ - 5 }}", "x{%-if yes-%} y {%-endif-%} z",
        "{%if yes%}a{%endif%}", "{% if yes %}{{ '%}' }}{% endif %}", "{{ '}}' }}", "{{ {'a': {'b': 1}}.a.b }}", "{{ {'a': {'b': 1}} }}", "{{ {}}}", "{{ [1}} }}", "{{ (1] }}", "{{ ) }}", "{{ 1 }", "{{ 1", "{% if yes", "{", "{ {", "}}", "%}", "#}", "a {b} c", "{{{ 1 }}}", "{{ {1: 2}[1] }}", "{% set x = {'a': 1} %}{{ x.a }}", "{% set x = '{{ y }}' %}{{ x }}",
        "\t{% if yes %}\ta\t{% endif %}\t\n\tb", "  {% if yes %}a{% endif %}", "  {% if yes %}\n  a\n  {% endif %}\n", "x  {% if yes %}a{% endif %}", "\n\n{% if yes %}\n\na\n\n{% endif %}\n\n", "{% for i in range(3) %}\n  {{ i }}\n{% endfor %}\n", "{% for i in range(3) -%}\n  {{ i }}\n{%- endfor %}\n", "<ul>\n  {% for i in range(2) %}\n    <li>{{ i }}</li>\n  {% endfor %}\n</ul>\n",
        "{% set x = 1 %}\n{% set y = 2 %}\n{{ x + y }}\n", "{% macro m() %}\n  a\n{% endmacro %}\n[{{ m() }}]\n", "{{ 'a' }}{% if yes %}\n{{ 'b' }}\n{% endif %}\n{{ 'c' }}", "a\n   \n  {% if yes %}\n   \nb{% endif %}", "a\u00a0\n\u00a0{%- if yes -%}\u00a0\u2003b{% endif %}", "{% if yes -%}   \n\n  a{% endif %}", "{{ name -}}   \n\n  a", "a   \n\n  {{- name }}", "{{ 1 }}\n  {% if yes %}b{% endif %}", "{{ 1 }}  {% if yes %}b{% endif %}",
        "{% if yes %}\n  {% if yes %}\n    {{- name }}\n  {% endif %}\n{% endif %}", "{{ name\n}}", "{{\nname\n|\nupper\n}}", "{% if\nyes\n%}a{% endif %}", "{{ 'two\nlines' }}", "{% set x = 'a\n  b' %}{{ x }}", "é{% if yes %}ü{% endif %}🙂\n{{ name }}", "{% if yes %}{# c #}\n{% endif %}x", "{{ 1 }}{# c #}\n{{ 2 }}", "{% raw %}\n{% endraw %}x", "{% raw %}x\n{% endraw %}\ny",
    ]
    return cases


def render(template, variables):
    try:
        text = utils._compile_jinja_template(template).render(**copy.deepcopy(variables))
        if " at 0x" in text:
            return {"error": "an address"}
        text.encode("utf-8")
        return {"text": text}
    except Exception as error:
        return {"error": type(error).__name__ + ": " + str(error)[:100]}


class Grammar:
    """Random expressions over the variables."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def expression(self, depth):
        r = self.random
        if depth == 0 or r.random() < 0.15:
            return r.choice(SCALARS[:18] + ["user.age", "user.name", "messages", "letters", "pairs[0].v", "3", "'b'", "1.5", "'x y'", "(1, 'a')", "[3, 'c']", "{'k': 2}", "html", "user.nope"])
        e = lambda: self.expression(depth - 1)
        return r.choice([
            lambda: f"{e()} {r.choice(['+', '-', '*', '/', '//', '%', '~', '~', '+', '*'])} {e()}", lambda: f"{e()} {r.choice(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in'])} {e()}", lambda: f"{e()} {r.choice(['and', 'or'])} {e()}", lambda: f"not {e()}",
            lambda: f"-{e()}", lambda: f"({e()})", lambda: f"({e()})[{r.choice(['0', '-1', '1:', ':-1', '::-1', '1', chr(39) + 'k' + chr(39), e()])}]", lambda: f"{e()} if {e()} else {e()}", lambda: f"[{e()}, {e()}]", lambda: f"{{'k': {e()}}}", lambda: f"({e()}, {e()})",
            lambda: f"({e()})|{self.filter(depth)}", lambda: f"({e()})|{self.filter(depth)}", lambda: f"({e()})|{self.filter(depth)}", lambda: f"({e()}) is {r.choice(['', 'not '])}{self.test()}", lambda: f"({e()}).{self.method()}", lambda: f"({e()})|string.{self.method()}", lambda: f"({e()})|string|{self.filter(depth)}",
            lambda: f"range({r.randrange(-2, 6)})|{self.filter(depth)}", lambda: f"'%{r.choice(['', '5', '-5', '05', '.1', '+'])}{r.choice('sdrfgx')}' % ({e()})", lambda: f"'{{:{r.choice(['', '>5', '<5', '^5', '05', '.1f', ',', 'x'])}}}'.format({e()})",
        ])()

    def filter(self, depth):
        return self.random.choice(["length", "upper", "lower", "title", "capitalize", "trim", "int", "float", "list", "first", "last", "join(', ')", "join", "default('d')", "default(1, true)", "tojson", "tojson(indent=1)", "sort", "sort(reverse=true)", "reverse|list", "unique|list", "sum", "max", "min", "abs", "round", "round(1)", "string", "items|list",
                                   "map('string')|list", "map('upper')|join('.')", "select|list", "reject('none')|list", "select('string')|list", "wordcount", "replace('a', 'bb')", "e", "urlencode", "indent(1)", "truncate(5, true, '', 0)", "batch(2)|list", "slice(2)|list", "list|length", "dictsort", "map(attribute='k')|list", "selectattr('k')|list", "center(8)", "format(1)"])

    def test(self):
        return self.random.choice(["defined", "none", "string", "number", "mapping", "iterable", "sequence", "odd", "even", "true", "false", "boolean", "integer", "float", "divisibleby 2", "in [1, 'a', none]", "eq 1", "gt 1", "lower", "upper", "undefined", "callable"])

    def method(self):
        return self.random.choice(["upper()", "lower()", "strip()", "strip('a')", "split()", "split('a')", "split(' ', 1)", "rsplit('a', 1)", "replace('a', 'x')", "startswith('A')", "endswith('d')", "find('a')", "count('a')", "title()", "capitalize()", "splitlines()", "keys()|list", "items()|list", "get('k')", "index(1)", "nope", "name", "k", "isdigit()", "join(['x', 'y'])", "zfill(4)", "center(7)",
                                   "partition('a')", "lstrip()", "rstrip('ad')", "swapcase()", "isalpha()"])


TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city.", "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "The city, e.g. \"Zürich\""}, "days": {"type": "integer", "default": 3}, "units": {"type": "string", "enum": ["C", "F"], "default": "C"},
        "tags": {"type": "array", "items": {"type": "string"}}, "where": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": ["number", "null"]}}, "required": ["lat"]}}, "required": ["city"]}}},
    {"type": "function", "function": {"name": "now", "description": "The time <now> & here", "parameters": {"type": "object", "properties": {}}}},
]


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


def conversations():
    call = {"id": "abcdef123", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": 2, "where": {"lat": 47.4, "lon": None}}}}
    second = {"id": "abcdef124", "type": "function", "function": {"name": "now", "arguments": {}}}
    return [
        [turn("user", "Hello!")],
        [turn("system", "  Be kind,\nbe brief. "), turn("user", "Hi"), turn("assistant", " yes "), turn("user", "and?")],
        [turn("user", "  Hi there \n"), turn("assistant", "A  <b>&amp;</b> 'quoted' \"answer\"\n"), turn("user", "{{ 7 * 7 }} {% if %} \\n </s> é 猎户座 🙂\u2028\u00a0x")],
        [turn("user", ""), turn("assistant", ""), turn("user", " ")],
        [turn("user", "one"), turn("user", "two")],
        [turn("assistant", "I begin."), turn("user", "ok")],
        [turn("system", "Sys /no_think"), turn("user", "Q"), turn("assistant", "<think>\nhm, let me see\n</think>\n\nA")],
        [turn("user", "Q"), turn("assistant", "A", reasoning_content="\nwhy\n", thinking="t"), turn("user", "R"), turn("assistant", "B")],
        [turn("user", "Weather?"), turn("assistant", None, tool_calls=[call]), turn("tool", "{\"temp\": 21.5}", tool_call_id="abcdef123", name="get_weather"), turn("assistant", "It is 21.5 °C."), turn("user", "Thanks")],
        [turn("system", "S"), turn("user", "Both?"), turn("assistant", "Looking.", tool_calls=[call, second]), turn("tool", "21", tool_call_id="abcdef123"), turn("tool", "07:08", tool_call_id="abcdef124")],
        [turn("user", [{"type": "text", "text": " What is this? "}, {"type": "image"}]), turn("assistant", [{"type": "text", "text": "A cat."}])],
        [{"role": "user"}, {"role": "assistant", "content": "no content before"}],
        [{"content": "no role"}], [], [turn("developer", "Dev."), turn("user", "x" * 60)], [turn("user", None)], [turn("user", 5)],
    ]


def family_cases():
    cases = []
    for path in sorted(here.glob("families/*.jinja")):
        template = path.read_text()
        for messages in conversations():
            for variables in ({"add_generation_prompt": True}, {"add_generation_prompt": False}, {"add_generation_prompt": True, "tools": TOOLS},
                              {"add_generation_prompt": False, "enable_thinking": False, "documents": [{"title": "T", "text": "One."}, {"title": "U", "text": "Two 🙂"}], "controls": {"citations": 1}}):
                given = {"messages": messages, "tools": None, "documents": None, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", **variables}
                cases.append({"template": path.name, "variables": given, **render(template, given)})
    return cases


def write(name, cases, head):
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    (here / name).write_text('{"variables": ' + json.dumps(head, ensure_ascii=False) + ',\n"cases": [\n' + lines + "\n]}\n")
    print(name, len(cases), "of which errors", sum("error" in case for case in cases))


def unique(templates):
    return list(dict.fromkeys(templates))


def main():
    systematic = unique(precedence() + literals() + methods() + filters() + statements() + whitespace())
    write("expressions.json", [{"template": t, **render(t, VARIABLES)} for t in systematic], VARIABLES)
    write("families.json", family_cases(), {})
    grammar = Grammar(17)
    cases, errors = [], 0
    while len(cases) < 3000:
        template = "{{ " + grammar.expression(grammar.random.choice([1, 2, 2, 3, 3, 4])) + " }}"
        case = {"template": template, **render(template, VARIABLES)}
        if len(case.get("text", "")) > 300 or len(template) > 300 or "error" in case and errors >= 900:
            continue
        errors += "error" in case
        cases.append(case)
    write("random.json", cases, VARIABLES)


if __name__ == "__main__":
    main()
