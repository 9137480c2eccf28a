/**
 * Cross-architecture distillation (XKD): the text it learns from, packed into sequences of token ids, and the training itself.
 *
 * <p>How text becomes ids is {@code kept.tokenizer}'s matter, what the models compute {@code kept.model}'s, and how their numbers are shown
 * {@code kept.report}'s.
 */
package kept.distill;
