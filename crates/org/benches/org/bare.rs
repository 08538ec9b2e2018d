//! Servers that send what they were given and do nothing else: the limit of client and machine.

use std::pin::Pin;

use axum::Router;
use axum::body::Bytes;
use axum::serve::ListenerExt;
use futures::Stream;
use syncline_salesforce_eventbus::v1::pub_sub_server::{PubSub, PubSubServer as Service};
use syncline_salesforce_eventbus::v1::{
    FetchRequest, FetchResponse, ManagedFetchRequest, ManagedFetchResponse, PublishRequest, PublishResponse,
    SchemaInfo, SchemaRequest, TopicInfo, TopicRequest,
};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};

/// Answers every HTTP request with the same bytes.
pub(crate) struct Server {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(body: Bytes) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("no delay"));
        let router = Router::new().fallback(move |_request: Bytes| {
            let body = body.clone();
            async move { body }
        });
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Server { url, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers every subscription with the same messages, one for each request.
pub(crate) struct PubSubServer {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl PubSubServer {
    pub(crate) async fn start(responses: Vec<FetchResponse>) -> PubSubServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = tonic::transport::Server::builder().add_service(Service::new(Ready { responses }));
        let task = tokio::spawn(async move { server.serve_with_incoming(incoming).await.expect("a server") });
        PubSubServer { url, task }
    }
}

impl Drop for PubSubServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Ready {
    responses: Vec<FetchResponse>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl PubSub for Ready {
    type SubscribeStream = Answers<FetchResponse>;
    type PublishStreamStream = Answers<PublishResponse>;
    type ManagedSubscribeStream = Answers<ManagedFetchResponse>;

    async fn subscribe(
        &self,
        request: Request<Streaming<FetchRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let ready = futures::stream::iter(self.responses.clone());
        let answers = futures::StreamExt::zip(request.into_inner(), ready);
        Ok(Response::new(Box::pin(futures::StreamExt::map(answers, |(_, response)| Ok(response)))))
    }

    async fn get_schema(&self, _: Request<SchemaRequest>) -> Result<Response<SchemaInfo>, Status> {
        Err(Status::not_found("only a stream is here"))
    }

    async fn get_topic(&self, _: Request<TopicRequest>) -> Result<Response<TopicInfo>, Status> {
        Err(Status::not_found("only a stream is here"))
    }

    async fn publish(&self, _: Request<PublishRequest>) -> Result<Response<PublishResponse>, Status> {
        Err(Status::not_found("only a stream is here"))
    }

    async fn publish_stream(
        &self,
        _: Request<Streaming<PublishRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        Err(Status::not_found("only a stream is here"))
    }

    async fn managed_subscribe(
        &self,
        _: Request<Streaming<ManagedFetchRequest>>,
    ) -> Result<Response<Self::ManagedSubscribeStream>, Status> {
        Err(Status::not_found("only a stream is here"))
    }
}
