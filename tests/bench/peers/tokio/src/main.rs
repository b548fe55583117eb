//! tokio-util's LengthDelimitedCodec: echoes messages with a 4-byte big-endian length.
use futures_util::{StreamExt, TryStreamExt};
use tokio::net::TcpListener;
use tokio_util::codec::LengthDelimitedCodec;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).expect("a port").parse().expect("a port");
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(async move {
            let framed = LengthDelimitedCodec::builder()
                .max_frame_length(1 << 24)
                .new_framed(socket);
            let (replies, messages) = framed.split();
            let _ = messages.map_ok(|message| message.freeze()).forward(replies).await;
        });
    }
}
