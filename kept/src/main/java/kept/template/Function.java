package kept.template;

/**
 * A built-in function or method.
 *
 * @param name its name, for messages
 * @param body what it does
 */
record Function(String name, Callable body) implements Callable {
    @Override
    public Object call(Arguments arguments, Interpreter interpreter) {
        return body.call(arguments, interpreter);
    }
}
