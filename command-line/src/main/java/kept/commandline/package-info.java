/** What binds the programs' libraries to the module {@code kept}. The programs themselves are there. */
package kept.commandline;
