/**
 * An interpreter of Jinja2 templates as configured by transformers for chat templates: {@code ImmutableSandboxedEnvironment} with
 * {@code trim_blocks}, {@code lstrip_blocks}, {@code break}, {@code continue} and {@code generation}, and its versions of {@code tojson},
 * {@code raise_exception} and {@code strftime_now}.
 *
 * <p>{@code Lexer} and {@code Parser} turn a text into {@code Node}s; {@code Compilation} resolves scopes and reports the errors Jinja2 reports
 * before rendering; {@code Interpreter} executes statements and {@code Evaluator} evaluates expressions. Values follow Python: null is {@code None},
 * integers are {@code BigInteger}, floats {@code Double}, strings {@code String} indexed by code points; other types are defined in this package.
 *
 * <p>A template is untrusted code. It can access only the values it is given, and {@code Budget} stops it at the limits of
 * {@link kept.template.TemplateLimits}. Work is counted, not timed, so a template stops at the same point on every machine.
 *
 * <p>This package knows nothing of chats, models or files; see {@code kept.generation}.
 */
package kept.template;
