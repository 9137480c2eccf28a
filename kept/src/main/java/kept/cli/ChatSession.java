package kept.cli;

import java.io.BufferedReader;
import java.io.Console;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.List;
import kept.generation.Conversation;
import kept.generation.Finish;
import kept.tensor.ShapeException;
import kept.text.Reasons;
import org.jline.utils.Signals;

/** A conversation on a terminal, or with turns that are given beforehand. */
public final class ChatSession {
    private final Conversation conversation;
    private final PrintWriter out;
    private final PrintWriter err;
    private volatile boolean answering;

    /** Creates a session before its first turn. */
    public ChatSession(Conversation conversation, PrintWriter out, PrintWriter err) {
        this.conversation = conversation;
        this.out = out;
        this.err = err;
    }

    /**
     * Holds it until its end.
     *
     * @param turns what the user says; where there is nothing, lines of standard input
     * @return the exit code
     */
    public int hold(List<String> turns) {
        if (!turns.isEmpty()) {
            turns.forEach(this::answer);
            return 0;
        }
        Console console = System.console();
        boolean terminal = console != null && console.isTerminal();
        if (terminal) {
            Signals.register("INT", this::interrupt);
            err.println("/new begins another conversation, /exit or Ctrl-D ends, Ctrl-C ends an answer");
        }
        var input = new BufferedReader(new InputStreamReader(System.in, Charset.forName(System.getProperty("stdin.encoding", "UTF-8"))));
        try {
            return converse(input, terminal);
        } catch (IOException e) {
            throw new ProgramException("[chat] standard input cannot be read: " + Reasons.of(e), e);
        }
    }

    private int converse(BufferedReader input, boolean terminal) throws IOException {
        while (true) {
            if (terminal) {
                out.print("> ");
                out.flush();
            }
            String line = input.readLine();
            switch (line == null ? "/exit" : line.strip()) {
                case "/exit" -> {
                    return 0;
                }
                case "/new" -> conversation.restart();
                case "" -> { }
                default -> {
                    if (terminal) {
                        answerOrTell(line);
                    } else {
                        answer(line);
                    }
                }
            }
        }
    }

    /** On a terminal a conversation that has become too long is not the end of the program. */
    private void answerOrTell(String turn) {
        try {
            answer(turn);
        } catch (ShapeException e) {
            err.println("kept: " + e.getMessage() + "; /new begins another conversation");
        }
    }

    private void answer(String turn) {
        answering = true;
        try {
            Finish finish = conversation.say(turn, piece -> {
                out.print(piece);
                out.flush();
            }).finish();
            out.println();
            if (finish == Finish.LENGTH) {
                err.println("(the answer ends at --max-tokens)");
            }
        } finally {
            answering = false;
        }
    }

    private void interrupt() {
        if (answering) {
            conversation.interrupt();
        } else {
            try {
                out.println();
                out.flush();
            } finally {
                Runtime.getRuntime().exit(Program.INTERRUPTED);
            }
        }
    }
}
