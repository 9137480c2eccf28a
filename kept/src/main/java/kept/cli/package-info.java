/**
 * What the programs have in common: the base of all, options and how they are read, progress and plans in words, exit codes, and failures in one
 * line.
 *
 * <p>What a program does is {@code kept.run}'s matter. Only the programs, in {@code kept}, use this package.
 */
package kept.cli;
