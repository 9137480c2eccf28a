package kept.evaluation;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * A task for models: its questions with their examples, as text. Each model reads them in its own tokenizer's ids.
 *
 * @param task the questions
 * @param examples the few-shot examples before each question
 */
public record Examination(Task task, FewShot examples) {
    /**
     * The questions for a model.
     *
     * @param encoder turns them into the model's ids
     * @return a request for each choice of each question, in order
     * @throws EvaluationException if a choice adds no token to its context, or there are not enough examples
     */
    public List<Request> requests(PairEncoder encoder) {
        List<Request> requests = new ArrayList<>();
        for (int i = 0; i < task.questions().size(); i++) {
            Question question = task.questions().get(i);
            List<String> continuations = question.choices().stream().map(choice -> examples.delimiter() + choice).toList();
            requests.addAll(encoder.encode(examples.prompt(question, i), continuations, question.place()));
        }
        return requests;
    }

    /**
     * Scores a model on the questions.
     *
     * @param model the model
     * @param requests the questions in its ids
     * @param progress receives the number of scored choices
     * @return its scores
     * @throws EvaluationException if a choice is longer than what the model can read
     */
    public TaskScores put(LogLikelihoods model, List<Request> requests, IntConsumer progress) {
        List<Question> asked = task.questions().stream().flatMap(question -> question.choices().stream().map(_ -> question)).toList();
        int shortened = 0;
        for (int i = 0; i < asked.size(); i++) {
            if (requests.get(i).continuation().length > model.longest()) {
                throw new EvaluationException("[task] %s has a choice of %d tokens, more than the maximum input of %d"
                        .formatted(asked.get(i).place(), requests.get(i).continuation().length, model.longest()));
            }
            shortened += requests.get(i).length() > model.longest() ? 1 : 0;
        }
        double[] all = model.of(requests, progress);
        List<double[]> byQuestion = new ArrayList<>();
        int from = 0;
        for (Question question : task.questions()) {
            byQuestion.add(Arrays.copyOfRange(all, from, from + question.choices().size()));
            from += question.choices().size();
        }
        return new TaskScores(task, byQuestion, shortened);
    }
}
