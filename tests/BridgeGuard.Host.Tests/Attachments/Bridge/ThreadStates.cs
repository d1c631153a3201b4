using System.Text;

namespace BridgeGuard.Host.Tests.Attachments.Bridge;

/// <summary>What the threads of a process that does not end are waiting for in the kernel: for the message of a failed test.</summary>
internal static class ThreadStates
{
    public static string Of(int processId)
    {
        StringBuilder text = new($"process {processId}:\n");
        try
        {
            foreach (string task in Directory.GetDirectories($"/proc/{processId}/task"))
            {
                string state = File.ReadLines(task + "/status").FirstOrDefault(line => line.StartsWith("State:", StringComparison.Ordinal)) ?? "";
                text.AppendLine($"  {Path.GetFileName(task)} {Read(task + "/comm")} {state} {Read(task + "/stack").Replace('\n', ' ')}");
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            text.AppendLine(error.Message);
        }

        return text.ToString();
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
