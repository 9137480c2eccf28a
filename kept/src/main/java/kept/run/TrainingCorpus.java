package kept.run;

import kept.corpus.Corpus;

/**
 * A training text and its weight among several.
 *
 * @param name its name in reports
 * @param weight above 0; the shares of the tokens are in proportion
 * @param text the documents
 */
record TrainingCorpus(String name, double weight, Corpus text) {
    /** The name of a text that is the only one. */
    static final String ONLY = "corpus";
}
