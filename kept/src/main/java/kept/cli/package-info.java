/**
 * The common parts of the programs: their base class, options, numbers as people write them, groups of help, progress and plans as text, exit codes,
 * failures as one line, wrong usage in three, and which of several ranks prints what.
 *
 * <p>The work of a program is in {@code kept.run}. Only the programs, in {@code kept}, use this package.
 */
package kept.cli;
