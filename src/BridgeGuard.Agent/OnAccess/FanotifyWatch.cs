using System.Buffers.Binary;
using System.Runtime.InteropServices;
using BridgeGuard.Agent.Interop;

namespace BridgeGuard.Agent.OnAccess;

/// <summary>fanotify(7) permission events: every open and exec below the marks waits for an answer.</summary>
/// <remarks>
/// One thread reads; judging runs on the pool, at most <see cref="MaxJudging"/> at once, others wait in the kernel's queue. Our own opens are let
/// through by that thread at once, so that nothing of ours can wait for us. When the descriptor closes (also by a kill) the kernel lets everything through.
/// </remarks>
internal sealed class FanotifyWatch : IDisposable
{
    private const uint ClassContent = 0x4;
    private const uint CloseOnExec = 0x1;
    private const uint NonBlock = 0x2;
    private const uint UnlimitedQueue = 0x10;
    private const uint MarkAdd = 0x1;
    private const uint MarkMount = 0x10;
    private const uint MarkFileSystem = 0x100;
    private const ulong OpenPermission = 0x1_0000;
    private const ulong OpenExecPermission = 0x4_0000;
    private const ulong QueueOverflow = 0x4000;
    private const uint ReadOnlyLargeCloseOnExec = 0x8_0000 | 0x8000;
    private const int CurrentDirectory = -100;
    private const byte Version = 3;
    private const uint Allow = 1;
    private const uint Deny = 2;
    private const int EventBytes = 24;

    /// <summary>Files judged at once.</summary>
    private const int MaxJudging = 32;

    private readonly int _fd;
    private readonly SemaphoreSlim _turns = new(MaxJudging);

    private FanotifyWatch(int fd) => _fd = fd;

    /// <summary>Marks the mounts (or file systems) of the paths.</summary>
    /// <exception cref="IOException">fanotify is not to be had, with the reason.</exception>
    public static FanotifyWatch Open(IReadOnlyList<string> paths, bool wholeFileSystems)
    {
        int fd = Libc.FanotifyInit(ClassContent | CloseOnExec | NonBlock | UnlimitedQueue, ReadOnlyLargeCloseOnExec);
        if (fd < 0)
        {
            throw new IOException($"fanotify is not to be had (error {Marshal.GetLastPInvokeError()}): root and a kernel with FANOTIFY_ACCESS_PERMISSIONS are needed");
        }

        var watch = new FanotifyWatch(fd);
        foreach (string path in paths)
        {
            uint kind = wholeFileSystems ? MarkFileSystem : MarkMount;
            if (Libc.FanotifyMark(fd, MarkAdd | kind, OpenPermission | OpenExecPermission, CurrentDirectory, path) < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                watch.Dispose();
                throw new IOException($"'{path}' cannot be watched (error {error})");
            }
        }

        return watch;
    }

    /// <summary>Answers until stopped; what waits then is let through.</summary>
    /// <param name="mayOpen">Asked with an open descriptor, whether for execution, and the process; true lets it through.</param>
    /// <param name="stop">Ends the watch.</param>
    public async Task RunAsync(Func<int, bool, int, CancellationToken, Task<bool>> mayOpen, CancellationToken stop)
    {
        var reader = new Thread(() => ReadLoop(mayOpen, stop)) { IsBackground = true, Name = "fanotify" };
        reader.Start();
        try
        {
            await Task.Delay(Timeout.Infinite, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            reader.Join();
        }
    }

    public void Dispose()
    {
        Libc.Close(_fd);
        _turns.Dispose();
    }

    private void ReadLoop(Func<int, bool, int, CancellationToken, Task<bool>> mayOpen, CancellationToken stop)
    {
        byte[] buffer = GC.AllocateArray<byte>(8192, pinned: true);
        int self = Environment.ProcessId;
        while (!stop.IsCancellationRequested)
        {
            Libc.PollFd poll = new() { Fd = _fd, Events = Libc.PollIn };
            if (Libc.Poll(ref poll, 1, 100) <= 0)
            {
                continue;
            }

            int length = (int)Libc.Read(_fd, ref buffer[0], buffer.Length);
            for (int at = 0; at + EventBytes <= length;)
            {
                ReadOnlySpan<byte> record = buffer.AsSpan(at, EventBytes);
                int size = BinaryPrimitives.ReadInt32LittleEndian(record);
                ulong mask = BinaryPrimitives.ReadUInt64LittleEndian(record[8..]);
                int fd = BinaryPrimitives.ReadInt32LittleEndian(record[16..]);
                int process = BinaryPrimitives.ReadInt32LittleEndian(record[20..]);
                if (record[4] != Version || size < EventBytes)
                {
                    throw new InvalidOperationException("The kernel speaks another version of fanotify.");
                }

                at += size;
                if (fd < 0 || (mask & QueueOverflow) != 0)
                {
                    continue;
                }

                if (process == self)
                {
                    Answer(fd, true);
                    continue;
                }

                bool isExecution = (mask & OpenExecPermission) != 0;
                _ = Task.Run(() => JudgeAsync(mayOpen, fd, isExecution, process, stop), CancellationToken.None);
            }
        }
    }

    private async Task JudgeAsync(Func<int, bool, int, CancellationToken, Task<bool>> mayOpen, int fd, bool isExecution, int process, CancellationToken stop)
    {
        bool allowed = true;
        try
        {
            await _turns.WaitAsync(stop).ConfigureAwait(false);
            try
            {
                allowed = await mayOpen(fd, isExecution, process, stop).ConfigureAwait(false);
            }
            finally
            {
                _turns.Release();
            }
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // Stopping: nobody must hang.
        }
        finally
        {
            Answer(fd, allowed);
        }
    }

    private void Answer(int fd, bool allowed)
    {
        Span<byte> response = stackalloc byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(response, fd);
        BinaryPrimitives.WriteUInt32LittleEndian(response[4..], allowed ? Allow : Deny);
        Libc.Write(_fd, ref response[0], response.Length);
        Libc.Close(fd);
    }
}
