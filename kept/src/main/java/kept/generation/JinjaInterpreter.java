package kept.generation;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.filter.AdvancedFilter;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.tree.TagNode;
import java.beans.FeatureDescriptor;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Collections;
import java.util.Iterator;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jinjava.javax.el.CompositeELResolver;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;

/** Jinjava, set up so that it renders as Jinja2 does with the settings of transformers, and refuses what it would otherwise pass over. */
final class JinjaInterpreter {
    /** Jinjava reads it as a choice between two lists, the second of them empty. */
    private static final Pattern LOOP_WITH_CONDITION = Pattern.compile(
            "\\{%[-+]?\\s*for\\s[^%]*?\\sin\\s(?:(?!%}|\\selse\\s).)*?\\sif\\s(?:(?!%}|\\selse\\s).)*?%}", Pattern.DOTALL);
    private static final Map<Character, String> DATE_PARTS = Map.ofEntries(Map.entry('Y', "uuuu"), Map.entry('y', "uu"), Map.entry('m', "MM"),
            Map.entry('d', "dd"), Map.entry('B', "MMMM"), Map.entry('b', "MMM"), Map.entry('A', "EEEE"), Map.entry('a', "EEE"),
            Map.entry('H', "HH"), Map.entry('I', "hh"), Map.entry('M', "mm"), Map.entry('S', "ss"), Map.entry('p', "a"), Map.entry('j', "DDD"));

    private final Jinjava jinjava;

    JinjaInterpreter() {
        var resolver = new CompositeELResolver();
        resolver.add(new StringMethods());
        resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
        jinjava = new Jinjava(JinjavaConfig.newBuilder()
                .withTrimBlocks(true)
                .withLstripBlocks(true)
                .withNestedInterpretationEnabled(false)
                .withElResolver(resolver)
                .withLegacyOverrides(LegacyOverrides.newBuilder()
                        .withEvaluateMapKeys(true)
                        .withIterateOverMapKeys(true)
                        .withUsePyishObjectMapper(true)
                        .withUseSnakeCasePropertyNaming(true)
                        .withUseNaturalOperatorPrecedence(true)
                        .withParseWhitespaceControlStrictly(true)
                        .withUseTrimmingForNotesAndExpressions(true)
                        .withKeepNullableLoopValues(true)
                        .build())
                .build());
        Context global = jinjava.getGlobalContext();
        global.registerFunction(new ELFunctionDefinition("", "raise_exception", JinjaInterpreter.class, "raise", String.class));
        global.registerFunction(new ELFunctionDefinition("", "strftime_now", JinjaInterpreter.class, "now", String.class));
        global.registerFilter(new JsonFilter());
        global.registerTag(new GenerationTag());
    }

    /**
     * Renders a template.
     *
     * @param template the template
     * @param name what to call it in messages
     * @param variables what it may name
     * @return the text
     * @throws ChatTemplateException if something in it is wrong, not supported, or raised by the template itself
     */
    String render(String template, String name, Map<String, Object> variables) {
        Matcher condition = LOOP_WITH_CONDITION.matcher(template);
        if (condition.find()) {
            throw new ChatTemplateException("[chat template] %s: loops with a condition are not supported: %s".formatted(name, condition.group()));
        }
        var context = new Context(jinjava.getGlobalContextCopy(), variables) {
            @Override
            public Filter getFilter(String filter) {
                Filter known = super.getFilter(filter);
                if (known == null) {
                    throw new ChatTemplateException("unknown filter '%s'".formatted(filter));
                }
                return known;
            }
        };
        var interpreter = new JinjavaInterpreter(jinjava, context, jinjava.getGlobalConfig());
        try (var _ = JinjavaInterpreter.closeablePushCurrent(interpreter).get()) {
            String text = interpreter.render(template);
            if (!interpreter.getErrorsCopy().isEmpty()) {
                TemplateError error = interpreter.getErrorsCopy().getFirst();
                throw new ChatTemplateException("[chat template] %s, line %d: %s".formatted(name, error.getLineno(), reason(error)),
                        error.getException());
            }
            return text;
        }
    }

    /** What a template raises itself is its author's word to the user; all else is told in Jinjava's words. */
    private static String reason(TemplateError error) {
        for (Throwable cause = error.getException(); cause != null; cause = cause.getCause()) {
            if (cause instanceof ChatTemplateException own) {
                return own.getMessage();
            }
        }
        return error.getMessage();
    }

    /**
     * The template function {@code raise_exception}.
     *
     * @param message what is wrong with the conversation
     * @return never
     */
    public static String raise(String message) {
        throw new ChatTemplateException(message);
    }

    /**
     * The template function {@code strftime_now}.
     *
     * @param format in the letters of C's strftime
     * @return the time now, in English
     */
    public static String now(String format) {
        return date(format, LocalDateTime.now());
    }

    /** A time in the letters of C's strftime. */
    static String date(String format, LocalDateTime time) {
        var text = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            if (format.charAt(i) != '%' || i + 1 == format.length()) {
                text.append(format.charAt(i));
                continue;
            }
            char letter = format.charAt(++i);
            if (letter == '%') {
                text.append('%');
            } else if (DATE_PARTS.containsKey(letter)) {
                text.append(DateTimeFormatter.ofPattern(DATE_PARTS.get(letter), Locale.ENGLISH).format(time));
            } else {
                throw new ChatTemplateException("strftime_now does not know %%%c".formatted(letter));
            }
        }
        return text.toString();
    }

    /** {@code tojson} as transformers sets it up: Python's spaces, no characters escaped beyond what JSON asks for. */
    private static final class JsonFilter implements AdvancedFilter {
        @Override
        public String getName() {
            return "tojson";
        }

        @Override
        public Object filter(Object value, JinjavaInterpreter interpreter, Object[] arguments, Map<String, Object> named) {
            if (arguments.length > 0 || !Collections.singleton("indent").containsAll(named.keySet())) {
                throw new ChatTemplateException("tojson is supported with indent alone, not with " + named);
            }
            Object indent = named.get("indent");
            return PythonJson.write(value, indent instanceof Number spaces ? spaces.intValue() : -1);
        }
    }

    /** Marks what the model says, for training; for rendering it is nothing. */
    private static final class GenerationTag implements Tag {
        private static final long serialVersionUID = 1L;

        @Override
        public String getName() {
            return "generation";
        }

        @Override
        public String interpret(TagNode node, JinjavaInterpreter interpreter) {
            var text = new StringBuilder();
            node.getChildren().forEach(child -> text.append(child.render(interpreter).getValue()));
            return text.toString();
        }
    }

    /** Python's methods of strings; everything else is left to the next resolver. */
    private static final class StringMethods extends ELResolver {
        @Override
        public Object invoke(ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
            if (!(base instanceof String text)) {
                return null;
            }
            Object result = PythonText.call(text, method.toString(), arguments);
            if (result == null) {
                throw new ChatTemplateException("the method %s of strings, with %d arguments, is not supported".formatted(method, arguments.length));
            }
            context.setPropertyResolved(true);
            return result;
        }

        @Override
        public Object getValue(ELContext context, Object base, Object property) {
            return null;
        }

        @Override
        public Class<?> getType(ELContext context, Object base, Object property) {
            return null;
        }

        @Override
        public void setValue(ELContext context, Object base, Object property, Object value) {
            // Nothing here can be set.
        }

        @Override
        public boolean isReadOnly(ELContext context, Object base, Object property) {
            return true;
        }

        @Override
        public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
            return Collections.emptyIterator();
        }

        @Override
        public Class<?> getCommonPropertyType(ELContext context, Object base) {
            return Object.class;
        }
    }
}
