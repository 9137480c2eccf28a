package kept.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A macro or call block, with its enclosing scope. */
final class Macro implements Callable {
    private final Statement.MacroBody body;
    private final Compilation.MacroScope scope;
    private final Frame around;

    Macro(Statement.MacroBody body, Compilation.MacroScope scope, Frame around) {
        this.body = body;
        this.scope = scope;
        this.around = around;
    }

    String name() {
        return body.name();
    }

    @Override
    public Object call(Arguments arguments, Interpreter interpreter) {
        List<String> parameters = body.parameters();
        interpreter.budget().work(parameters.size() + (long) arguments.named().size());
        Map<String, Object> named = new LinkedHashMap<>(arguments.named());
        Frame frame = interpreter.frame(scope.scope(), around, around.context());
        boolean foundCaller = parameters.contains("caller") && arguments.positional().size() >= parameters.size();
        for (int i = 0; i < parameters.size(); i++) {
            String parameter = parameters.get(i);
            if (i < arguments.positional().size()) {
                frame.setParameter(parameter, arguments.positional().get(i));
            } else {
                foundCaller |= parameter.equals("caller");
                frame.setParameter(parameter, named.containsKey(parameter) ? named.remove(parameter) : Frame.MISSING);
            }
        }
        if (scope.caller() && !foundCaller) {
            Object caller = named.remove("caller");
            Object known = caller == null ? new Undefined("No caller defined") : caller;
            if (!parameters.contains("caller")) {
                frame.setParameter("caller", known);
            }
        }
        if (scope.named()) {
            interpreter.budget().items(named.size());
            frame.setParameter("kwargs", PyDict.ofStrings(named));
        } else if (!named.isEmpty()) {
            throw new TemplateException("macro %s takes no keyword argument '%s'".formatted(shown(), named.keySet().iterator().next()));
        }
        int extra = arguments.positional().size() - parameters.size();
        if (scope.rest()) {
            interpreter.budget().items(Math.max(0, extra));
            frame.setParameter("varargs", new PyTuple(extra <= 0 ? List.of()
                    : new ArrayList<>(arguments.positional().subList(parameters.size(), parameters.size() + extra))));
        } else if (extra > 0) {
            throw new TemplateException("macro %s takes not more than %d argument(s)".formatted(shown(), parameters.size()));
        }
        fillIn(frame, interpreter);
        return interpreter.capture(body.body(), frame);
    }

    private String shown() {
        return name() == null ? "of a call block" : "'" + name() + "'";
    }

    private void fillIn(Frame frame, Interpreter interpreter) {
        List<String> parameters = body.parameters();
        int first = parameters.size() - body.defaults().size();
        for (int i = 0; i < parameters.size(); i++) {
            String parameter = parameters.get(i);
            if (frame.get(parameter) == Frame.MISSING) {
                frame.setParameter(parameter, i < first ? new Undefined("parameter '%s' was not provided".formatted(parameter))
                        : interpreter.evaluator().evaluate(body.defaults().get(i - first), frame));
            }
        }
    }

    /** An attribute, or {@link Frame#MISSING}. */
    Object attribute(String attribute) {
        return switch (attribute) {
            case "name" -> name();
            case "arguments" -> new PyTuple(new ArrayList<>(body.parameters()));
            case "catch_kwargs" -> scope.named();
            case "catch_varargs" -> scope.rest();
            case "caller" -> scope.caller();
            case "explicit_caller" -> body.parameters().contains("caller");
            default -> Frame.MISSING;
        };
    }
}
