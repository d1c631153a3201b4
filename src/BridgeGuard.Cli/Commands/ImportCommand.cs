using System.CommandLine;
using BridgeGuard.Daemon.Configuration;
using BridgeGuard.Daemon.Configuration.Suricata;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard import suricata.yaml</c>: prints the <c>bridgeguard.yaml</c> that says the same.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        Argument<string> file = new("FILE") { Description = "suricata.yaml" };
        Option<string[]> set = new("--set") { Description = "override a setting: name=value", DefaultValueFactory = _ => [] };
        Option<string?> output = new("-o", "--output") { Description = "write here instead of printing; an existing file is kept" };
        Command command = new("import", "Turn a suricata.yaml into a bridgeguard.yaml.") { file, set, output };
        command.SetAction(parsed =>
        {
            try
            {
                string source = parsed.GetValue(file)!;
                SuricataConfiguration configuration = SuricataConfigurationReader.ReadFile(source, new SuricataOverrides { Settings = parsed.GetValue(set)! });
                string text = SuricataImporter.Convert(configuration, source);
                if (parsed.GetValue(output) is not { } path)
                {
                    Console.Out.Write(text);
                    return ExitCode.Ok;
                }

                using var writer = new StreamWriter(new FileStream(path, FileMode.CreateNew));
                writer.Write(text);
                return ExitCode.Ok;
            }
            catch (Exception error) when (error is ConfigException or IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"bridgeguard: {error.Message}");
                return ExitCode.BadConfiguration;
            }
        });
        return command;
    }
}
