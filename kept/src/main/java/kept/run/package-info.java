/**
 * Whole runs, for a library's users and for the programs: a conversion, a calibration, a distillation, a pretraining and a verification, each from
 * directories to directories, resumable, with a {@link kept.run.Progress} that is told how far it is.
 *
 * <p>Nothing here reads a command line, prints, or ends the process: that is the matter of {@code kept.cli} and of the programs in {@code kept}.
 * Messages name the options of the programs; a setting here has the name of its option there.
 */
package kept.run;

