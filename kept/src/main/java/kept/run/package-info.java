/**
 * The entry points of the library, which the programs use too. {@link kept.run.LanguageModel} loads a checkpoint to generate text and to compute
 * logits and hidden states. A run converts, calibrates, distils, pretrains, verifies, compares, evaluates or writes GGUF: it reads and writes
 * directories and files, and reports to a {@link kept.run.Progress}. {@link kept.run.ResumableRun} has the settings of the runs that can be resumed.
 * {@link kept.run.DistillationRun} can share its training with other ranks ({@code kept.distributed}), and can record its teacher's logits instead of
 * training, or train from such a recording ({@code kept.recording}).
 *
 * <p>The other classes serve the runs: choices ({@link kept.run.MappingChoice}, {@link kept.run.TrainingSettings}), estimates of time, memory and
 * disk ({@link kept.run.DistillationPlan}, {@link kept.run.MachineMemory}), saved settings, held-out text, the stages of a training run, adapters in
 * the format of PEFT ({@code AdapterFiles}), the provenance and the model card of an output ({@code ModelCard}, {@code SourceLicence},
 * {@code CardMetadata}), and the orderly end of a run that is stopped ({@link kept.run.Interruption}, {@link kept.run.TemporaryDirectory}).
 *
 * <p>Nothing here reads a command line, prints, or ends the process: {@code kept.cli} and the programs in {@code kept} do.
 * Messages name the options of the programs; a setting here has the name of its option there.
 */
package kept.run;
