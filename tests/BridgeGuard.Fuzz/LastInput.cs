using System.IO.MemoryMappedFiles;

namespace BridgeGuard.Fuzz;

/// <summary>The input at work, where it survives the process: whoever dies at a guard page can print nothing.</summary>
/// <remarks>A file in the temporary folder, shared memory, so that it costs a copy and no system call. Gone when all went well.</remarks>
internal sealed class LastInput : IDisposable
{
    private const int CapacityBytes = 1 << 18;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public LastInput(int worker)
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"bridgeguard-fuzz-{Environment.ProcessId}-{worker}");
        _file = MemoryMappedFile.CreateFromFile(Path, FileMode.Create, null, CapacityBytes);
        _view = _file.CreateViewAccessor();
    }

    public string Path { get; }

    /// <summary>Layout: length of the name, name, length of the input (32 bits, little-endian), input.</summary>
    public void Note(string target, byte[] input)
    {
        int at = 0;
        _view.Write(at++, (byte)target.Length);
        foreach (char letter in target)
        {
            _view.Write(at++, (byte)letter);
        }

        int length = Math.Min(input.Length, CapacityBytes - at - sizeof(int));
        _view.Write(at, length);
        _view.WriteArray(at + sizeof(int), input, 0, length);
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
        File.Delete(Path);
    }

    /// <summary>What a dead process was at: target and input, for its log; null when there is nothing.</summary>
    public static string? Describe(int processId, int workers)
    {
        List<string> found = [];
        for (int worker = 0; worker < workers; worker++)
        {
            string path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"bridgeguard-fuzz-{processId}-{worker}");
            if (!File.Exists(path))
            {
                continue;
            }

            byte[] bytes = File.ReadAllBytes(path);
            int name = bytes[0];
            int length = BitConverter.ToInt32(bytes, 1 + name);
            found.Add($"{System.Text.Encoding.ASCII.GetString(bytes, 1, name)}, thread {worker}, was at input: {Convert.ToHexString(bytes, 1 + name + sizeof(int), length)}");
            File.Delete(path);
        }

        return found.Count == 0 ? null : string.Join('\n', found);
    }
}
