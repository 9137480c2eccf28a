/** Brings the libraries of the programs into the module graph, as a service of the module {@code kept}, which contains the programs. */
package kept.commandline;
