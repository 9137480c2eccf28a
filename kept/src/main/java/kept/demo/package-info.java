/**
 * The text of the demo: the prose of the JDK's Javadoc and its code without comments, the vocabulary trained on them, and the provenance of both.
 *
 * <p>It is a package of its own because no run needs it: {@code kept.training} takes any {@link kept.corpus.Corpus}, and this one is an example for
 * which every JDK has the text. The programs run the demo and report on it.
 */
package kept.demo;
