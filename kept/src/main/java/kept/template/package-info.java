/**
 * An interpreter of Jinja2 as transformers sets it up for chat templates: {@code ImmutableSandboxedEnvironment} with {@code trim_blocks},
 * {@code lstrip_blocks}, {@code break}, {@code continue} and {@code generation}, its own {@code tojson}, {@code raise_exception} and
 * {@code strftime_now}.
 *
 * <p>A text goes through {@code Lexer} and {@code Parser} to {@code Node}s; {@code Compilation} finds what each scope holds and refuses what Jinja2
 * refuses before it renders; {@code Interpreter} executes statements and {@code Evaluator} evaluates expressions. Values are Python's: null is
 * {@code None}, ints are {@code BigInteger}s, floats {@code Double}s, strings {@code String}s counted in code points, the rest types of this package.
 *
 * <p>A template is a program of a stranger. It reaches nothing but the values it is given, and {@code Budget} ends it at the limits of
 * {@link kept.template.TemplateLimits}: work is counted, not timed, so that the same template ends at the same place everywhere.
 *
 * <p>Nothing here knows of chats, models or files: that is {@code kept.generation}'s matter.
 */
package kept.template;
