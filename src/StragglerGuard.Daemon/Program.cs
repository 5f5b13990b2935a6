using System.Text;
using StragglerGuard.Daemon.CommandLine;

// Tables and reasons hold ×, → and shades, whatever the locale.
Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
return ProgramCommands.Run(args, Console.Out, Console.Error);
