/**
 * What the demonstration is made of: text that every JDK has (the prose of its Javadoc, and its code without comments), the vocabulary
 * trained on it, and the provenance of both.
 *
 * <p>A package of its own because nothing here is part of a distillation: {@code kept.training} takes any {@link kept.corpus.Corpus}, and
 * this one is only an example that is at hand everywhere. How it is run and reported is the programs' matter.
 */
package kept.demo;
