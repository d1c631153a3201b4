using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using BridgeGuard.Rules.Explain;
using BridgeGuard.Rules.Loading;

namespace BridgeGuard.Cli.Commands;

/// <summary><c>bridgeguard rules compat FILE…</c>: our verdict on each rule against Suricata's, with every difference.</summary>
internal static class RulesCompatCommand
{
    /// <summary>The share of rules that has to be judged the same for exit code 0.</summary>
    private const double Required = 0.999;

    public static Command Create()
    {
        Argument<string[]> files = RulesCommand.Files();
        Option<string?> configuration = RulesCommand.Configuration();
        Option<string?> suricata = new("--suricata") { Description = "the suricata program to ask (run with -T -S FILE)" };
        Option<string?> log = new("--log") { Description = "what suricata -T -S FILE printed, instead of running it; for one file" };
        Option<string?> theirs = new("--suricata-config") { Description = "configuration file for the program; default: its own" };
        Command command = new("compat", "Compare verdicts on rules with those of Suricata.") { files, configuration, suricata, log, theirs };
        command.SetAction(parsed =>
        {
            string[] all = parsed.GetValue(files)!;
            if ((parsed.GetValue(log) is null) == (parsed.GetValue(suricata) is null) || (parsed.GetValue(log) is not null && all.Length != 1))
            {
                Console.Error.WriteLine("bridgeguard: rules compat needs either --suricata or, for one file, --log");
                return ExitCode.Usage;
            }

            int rules = 0;
            int differences = 0;
            foreach (string file in all)
            {
                RuleLoadOptions? options = RulesCommand.OptionsOf([file], parsed.GetValue(configuration));
                string? said = parsed.GetValue(log) is { } printed ? File.ReadAllText(printed) : Ask(parsed.GetValue(suricata)!, parsed.GetValue(theirs), file);
                if (options is null || said is null)
                {
                    return ExitCode.BadConfiguration;
                }

                if (!HasJudged(said))
                {
                    Console.Error.WriteLine($"bridgeguard: the program did not come to the rules of {file}: {LastError(said)}");
                    return ExitCode.BadConfiguration;
                }

                ComparisonReport report = RuleComparison.Compare(file, options, said);
                rules += report.Rules;
                differences += report.Differences.Count;
                foreach (VerdictDifference difference in report.Differences)
                {
                    Console.Out.WriteLine(string.Create(
                        CultureInfo.InvariantCulture,
                        $"{file}:{difference.Line}: sid {difference.Sid}: {(difference.IsAcceptedHere ? "accepted here, refused there" : "refused here, accepted there")}: {difference.Reason}"));
                }
            }

            double agreement = rules == 0 ? 1 : 1 - ((double)differences / rules);
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{rules} rules, {differences} judged differently, {agreement:P3} equal"));
            return agreement >= Required ? ExitCode.Ok : ExitCode.VerificationFailed;
        });
        return command;
    }

    /// <summary>
    /// False when the program ended before it read a rule, as with a configuration that is not there. Its silence about rules would pass
    /// for consent otherwise.
    /// </summary>
    private static bool HasJudged(string said) => said.Contains("successfully loaded", StringComparison.Ordinal)
        || said.Contains("Loading signatures failed", StringComparison.Ordinal)
        || said.Contains("error parsing signature", StringComparison.Ordinal);

    private static string LastError(string said)
    {
        string last = "it said nothing";
        foreach (string line in said.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            last = line;
        }

        return last;
    }

    private static string? Ask(string program, string? configuration, string file)
    {
        string folder = Directory.CreateTempSubdirectory("bridgeguard-compat-").FullName;
        try
        {
            var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
            foreach (string argument in (string[])["-T", "-S", Path.GetFullPath(file), "-l", folder, .. configuration is null ? [] : new[] { "-c", configuration }])
            {
                start.ArgumentList.Add(argument);
            }

            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return output + errors.Result;
        }
        catch (Exception error) when (error is System.ComponentModel.Win32Exception or IOException)
        {
            Console.Error.WriteLine($"bridgeguard: {program} cannot be run: {error.Message}");
            return null;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
